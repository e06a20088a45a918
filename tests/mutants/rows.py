"""The rows of mutants.txt: what each takes away, which test it names, and whether it still fits the tree."""
import os, re

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

    def what_is_stale(self):
        """Why it fits the tree no more, a sentence each."""
        if not os.path.exists(os.path.join(TOP, self.file)):
            return [f"there is no {self.file}"]
        missing = [f"there is no test {test!r}" for test in self.tests if not test_exists(test)]
        if not self.changes or any(away == instead for away, instead in self.changes):
            missing.append("it takes nothing away")
        try:
            self.taken_away()
        except ValueError as stale:
            missing.append(str(stale))
        return missing


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
