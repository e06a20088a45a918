"""Judges a scrape: metrics_format.py text|openmetrics FILE. Prometheus' own client library reads it with its strict parser, and what that lets
pass is looked at here: one HELP and one TYPE a family, before its samples; families in one piece; no series twice; every histogram cumulative and
whole. Prints what is wrong, a line each; status 1 if anything is."""
import sys

from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as open_metrics_parser


def check_lines(text):
    """What a parser that builds families cannot see any more."""
    seen, heads, at, wrong = set(), set(), None, []
    for line in text.splitlines():
        if line == "# EOF":
            continue
        words = line.split(" ", 3)
        if line.startswith("# "):
            if words[1] not in ("HELP", "TYPE") or len(words) < 4:
                wrong.append("neither HELP nor TYPE: " + line)
            if (words[1], words[2]) in heads:
                wrong.append("twice: " + line)
            heads.add((words[1], words[2]))
            at = words[2]
            continue
        series = line.rsplit(" ", 1)[0]
        name = series.split("{", 1)[0]
        if not at or not name.startswith(at):
            wrong.append("not under its family: " + line)
        if series in seen:
            wrong.append("a series twice: " + line)
        seen.add(series)
        if ("TYPE", at) not in heads or ("HELP", at) not in heads:
            wrong.append("no HELP or TYPE before: " + line)
    return wrong


def check_histogram(family):
    """By its labels: bounds rise, counts never fall, the last is all."""
    wrong, buckets, counts = [], {}, {}
    for sample in family.samples:
        key = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
        if sample.name.endswith("_bucket"):
            buckets.setdefault(key, []).append((float(sample.labels["le"]), sample.value))
        elif sample.name.endswith("_count"):
            counts[key] = sample.value
    for key, found in buckets.items():
        if found != sorted(found) or [v for _, v in found] != sorted(v for _, v in found):
            wrong.append(f"{family.name}{key}: not cumulative")
        if found[-1][0] != float("inf") or found[-1][1] != counts.get(key):
            wrong.append(f"{family.name}{key}: +Inf is not the count")
    return wrong


def main():
    kind, path = sys.argv[1:]
    text = open(path, newline="", encoding="utf-8").read()
    parse = text_parser if kind == "text" else open_metrics_parser
    wrong = check_lines(text)
    families = list(parse.text_string_to_metric_families(text))
    for family in families:
        if not family.samples:
            wrong.append(f"{family.name}: a family without samples")
        if family.type == "histogram":
            wrong += check_histogram(family)
    print("\n".join(wrong) if wrong else f"good, {len(families) > 50}")
    return bool(wrong)


sys.exit(main())
