"""The rows of mutants.txt: what each takes away, which test it names, and whether it still fits the tree."""
import functools, os, re

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
KINDS = ("worlds", "faults", "memory", "sim", "sim-broker", "power")  # tests besides units


class Row:
    def __init__(self, group, line):
        self.group, self.changes = group, []
        self.name, self.file, self.what, hints = [part.strip() for part in line.split("|")]
        self.tests = [test.strip() for test in hints.split(",") if test.strip()]

    def taken_away(self):
        """The file's text without the line; raises ValueError if the row does not fit it."""
        with open(os.path.join(TOP, self.file)) as file:
            text = file.read()
        for away, instead in self.changes:
            if text.count(away) != 1:
                raise ValueError(f"stands {text.count(away)} times in {self.file}: {away!r}")
            text = text.replace(away, instead)
        return text

    def unknown_words(self):
        """Names in what stands there instead that the tree has nowhere, so that it would not even build."""
        words = {word for away, instead in self.changes for word in set(names_in(instead)) - set(names_in(away))}
        return sorted(words - all_names())

    def what_is_stale(self):
        """Why it fits the tree no more, a sentence each."""
        if not os.path.exists(os.path.join(TOP, self.file)):
            return [f"there is no {self.file}"]
        missing = [f"there is no test {test!r}" for test in self.tests if not test_exists(test)]
        if not self.changes or any(away == instead for away, instead in self.changes):
            missing.append("it takes nothing away")
        missing += [f"nothing is called {word!r}" for word in self.unknown_words()]
        try:
            self.taken_away()
        except ValueError as stale:
            missing.append(str(stale))
        return missing


def names_in(text):
    return re.findall(r"[A-Za-z_]\w*", re.sub(r'"[^"\n]*"|/\*.*?\*/', "", text))


@functools.lru_cache(maxsize=None)
def all_names():
    names = set()
    for room in ("log", "net", "cli"):
        for where, _, files in os.walk(os.path.join(TOP, room)):
            for file in files:
                if file.endswith((".c", ".h")):
                    names.update(names_in(open(os.path.join(where, file), errors="replace").read()))
    return names


def test_exists(test):
    return os.path.exists(os.path.join(TOP, "tests", "unit", test[5:] + ".c")) if test.startswith("unit ") else test in KINDS


def read_rows():
    rows, group, lines = [], "", iter(open(os.path.join(HERE, "mutants.txt")).read().split("\n"))
    for line in lines:
        if line.startswith("# ----"):
            group = line.strip("#- ")
        elif line.startswith("- "):
            rows[-1].changes.append([part[2:].replace("\\n", "\n") for part in (line, next(lines))])
        elif line and not line.startswith("#"):
            rows.append(Row(group, line))
    return rows


def find_twins(rows):
    """Names that stand twice."""
    names = [row.name for row in rows]
    return sorted({name for name in names if names.count(name) > 1})
