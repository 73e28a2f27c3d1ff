"""Reads what gcov counted in a tree, and prints the lines that no test ran, each with the reason or with its text, and
the share of those that ran.

    coverage.py FOLDER REASONS

A line of REASONS has four columns, with tabs between them: a file and a function, either of which may be a pattern
("extension/*", "*"), a regular expression for the text of the statement, and the reason. Exits with 1 if less than 95
percent of a half ran, or a line has no reason.
"""

import collections
import fnmatch
import json
import pathlib
import re
import subprocess
import sys

WANTED = 95.0
HALVES = {"extension": "extension/", "libgoes": "client/"}


def counted(folder, notes):
    """Yields (file, line, function, count) of an object file, by what gcc noted of it."""
    said = subprocess.run(["gcov", "--json-format", "--stdout", str(notes)], capture_output=True, check=True,
                          cwd=notes.parent).stdout
    for text in said.splitlines():
        report = json.loads(text)
        for source in report["files"]:
            path = pathlib.Path(report["current_working_directory"], source["file"]).resolve()
            if path.is_relative_to(folder):
                for line in source["lines"]:
                    yield str(path.relative_to(folder)), line["line_number"], line.get("function_name"), line["count"]


def is_ours(path):
    return path.startswith(tuple(HALVES.values())) and not path.startswith("client/test/")


def add_up(folder):
    """The counts of each line: a source may be in several objects, and a header in many."""
    counts = collections.Counter()
    functions = {}
    for notes in sorted(folder.glob("**/*.gcno")):
        for path, line, function, count in counted(folder, notes):
            if is_ours(path):
                counts[path, line] += count
                functions[path, line] = functions.get((path, line)) or function or ""
    return counts, functions


class Reasons:
    """Why lines need not run."""

    def __init__(self, path, folder):
        self.rows = [line.split("\t") for line in pathlib.Path(path).read_text().splitlines()
                     if line and not line.startswith("#")]
        self.used = [False] * len(self.rows)
        self.folder = folder
        self.sources = {}

    def lines_of(self, path):
        if path not in self.sources:
            self.sources[path] = (self.folder / path).read_text().splitlines()
        return self.sources[path]

    def line(self, path, number):
        return self.lines_of(path)[number - 1]

    def statement(self, path, number):
        """The statement that a line belongs to, or as much of it as stands before the line, and the line."""
        lines = self.lines_of(path)
        first = number - 1
        while first > 0 and not re.search(r"([;{}:]|\*/|^)\s*$", lines[first - 1]):
            first -= 1
        return " ".join(lines[first:number])

    def find(self, path, function, number):
        text = self.statement(path, number)
        for place, (file, name, pattern, reason) in enumerate(self.rows):
            if fnmatch.fnmatch(path, file) and fnmatch.fnmatch(function, name) and re.search(pattern, text):
                self.used[place] = True
                return reason
        return None

    def unused(self):
        return [row for row, used in zip(self.rows, self.used) if not used]


def spans(lines):
    """[1, 2, 3, 7] as "1-3 7"."""
    parts = []
    for line in lines:
        if parts and parts[-1][1] == line - 1:
            parts[-1][1] = line
        else:
            parts.append([line, line])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def main(folder, reasons_path):
    folder = pathlib.Path(folder).resolve()
    counts, functions = add_up(folder)
    reasons = Reasons(reasons_path, folder)
    missed = collections.defaultdict(list)
    for path, line in sorted(place for place in counts if counts[place] == 0):
        function = functions[path, line]
        missed[path, function, reasons.find(path, function, line)].append(line)
    for (path, function, reason), lines in missed.items():
        if reason is not None:
            print(f"{path} {function} {spans(lines)}: {reason}")
    for row in reasons.unused():
        print("# a reason for nothing: " + " ".join(row))
    for (path, function, reason), lines in missed.items():
        for line in lines if reason is None else []:
            print(f"NO REASON {path}:{line} {function}: {reasons.line(path, line).strip()}")

    failed = False
    for name, start in HALVES.items():
        mine = [count for (path, _), count in counts.items() if path.startswith(start)]
        share = 100 * sum(count > 0 for count in mine) / max(len(mine), 1)
        unnamed = sum(len(lines) for (path, _, reason), lines in missed.items()
                      if reason is None and path.startswith(start))
        failed |= share < WANTED or unnamed > 0
        print(f"{name}: {share:.1f} % of {len(mine)} lines; {unnamed} did not run and have no reason")
    sys.exit(1 if failed else 0)


main(*sys.argv[1:])
