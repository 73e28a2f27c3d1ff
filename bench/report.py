"""Writes bench/report.md, with tables and plots, from the lines that goes_bench keeps.

    python3 bench/report.py FILE ...

Every line is an object: one with "machine" says what a file's numbers are of, one with "missing" names a
peer that was not there, and one with "scenario" has what the turns of a scenario were like.
"""
import json
import statistics
import subprocess
import sys
import textwrap
from pathlib import Path

HERE = Path(__file__).parent
OURS = ("libgoes", "shared", "sql")
SHOWN = {  # in the plot over the size of the store
    ("load", 1, 10), ("load", 1, 100), ("find", 1, 1), ("rare", 1, 100), ("append", 1, 1), ("append", 8, 1), ("batch", 1, 100)}
LOSS = 0.95  # a ratio below is a loss, and not noise
ABOUT = {
    "libgoes": "the store from C, by libgoes",
    "shared": "the store from C, by appends that share commits: threads with coalesce_appends, and a writer",
    "sql": "the extension's functions, called by libpq with binary values",
    "bare": "bare prepared INSERT and SELECT by libpq, on the same table",
    "copy": "COPY BINARY by libpq, into the same table",
    "unnest": "INSERT … SELECT FROM unnest by libpq, into the same table",
}


class Run:
    """What one file has: the results of a run."""

    def __init__(self, path):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        self.machine = next((line for line in lines if "machine" in line), {})
        self.missing = [line for line in lines if "missing" in line]
        self.about = {line["peer"]: line["about"] for line in lines if "peer" in line}
        self.scenarios = [Scenario(line) for line in lines if "scenario" in line]

    def sizes(self):
        return sorted({scenario.size for scenario in self.scenarios})

    def of_size(self, size):
        return [scenario for scenario in self.scenarios if scenario.size == size]

    def names(self):
        """All participants, ours first."""
        names = dict.fromkeys(name for scenario in self.scenarios for name in scenario.outcomes)
        return [name for name in names if any(name in s.measured for s in self.scenarios)]


class Scenario:
    """A scenario with stores of one size."""

    def __init__(self, line):
        self.name, self.label, self.size = line["scenario"], line["label"], line["size"]
        self.clients, self.count = line["clients"], line["count"]
        self.outcomes = {outcome["name"]: outcome for outcome in line["outcomes"]}
        self.measured = {name: outcome for name, outcome in self.outcomes.items() if "rates" in outcome}

    def rate(self, name):
        return statistics.median(self.measured[name]["rates"])

    def ratios(self, ours, other):
        """Ours divided by the other's, round by round, in order."""
        pairs = zip(self.measured[ours]["rates"], self.measured[other]["rates"])
        return sorted(mine / theirs for mine, theirs in pairs)


def number(value):
    """A number as people read it: three digits count."""
    if value >= 1000:
        digits = 10 ** (len(str(int(value))) - 3)
        return f"{round(value / digits) * digits:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def rows_of(scenarios, names, cell):
    """A row for each scenario, with what cell(scenario, name) says, or "-"."""
    return [[s.label] + [cell(s, name) if name in s.measured else "-" for name in names] for s in scenarios]


def ratio_cell(ours):
    def cell(scenario, name):
        if ours not in scenario.measured:
            return "-"
        ratios = scenario.ratios(ours, name)
        middle = statistics.median(ratios)
        text = f"{middle:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        return f"**{text}**" if middle < LOSS else text
    return cell


def size_section(run, size):
    """The tables of a size."""
    scenarios, names = run.of_size(size), run.names()
    others = [name for name in names if name not in OURS]
    lines = [f"## {size:,} events", "", "Events a second, median of the turns:", ""]
    lines += table(["work"] + names, rows_of(scenarios, names, lambda s, n: number(s.rate(n))))
    for ours in [name for name in OURS if name in names and others]:
        lines += [f"{ours} divided by the other in the same round, median (lowest to highest):", ""]
        lines += table(["work"] + others, rows_of(scenarios, others, ratio_cell(ours)))
    lines += ["Latency of a call in microseconds, half of them and 99 of 100 are below; of the follower, from "
              "the begin of the append until it has the event:", ""]
    lines += table(["work"] + names, rows_of(
        scenarios, names, lambda s, n: f"{s.measured[n]['p50_us']:,} / {s.measured[n]['p99_us']:,}"))
    lines += ["Microseconds of a processor an event, client + server:", ""]
    lines += table(["work"] + names, rows_of(
        scenarios, names, lambda s, n: f"{s.measured[n]['client_cpu_us']:.1f} + {s.measured[n]['server_cpu_us']:.1f}"))
    return lines


def losses(run):
    """Where one of ours is slower than another, the worst first."""
    found = []
    for scenario in run.scenarios:
        for ours in OURS:
            for other in scenario.measured:
                if ours in scenario.measured and other not in OURS:
                    ratio = statistics.median(scenario.ratios(ours, other))
                    if ratio < LOSS:
                        found.append((ratio, f"{ours}, {scenario.label}, {scenario.size:,} events: "
                                             f"{ratio:.2f} x {other}"))
    return [text for _, text in sorted(found)]


def plot(name, title, axes, lines, log=True):
    """Makes bench/plots/NAME.svg: lines are (title, [(x, y)])."""
    lines = [(label, points) for label, points in lines if len(points) > 1]
    if not lines:
        return []
    (HERE / "plots").mkdir(exist_ok=True)
    script = [
        f"set terminal svg size 860,460 dynamic background 'white' font 'sans-serif,13'",
        f"set output '{HERE}/plots/{name}.svg'",
        f"set title \"{title}\"", f"set xlabel \"{axes[0]}\"", f"set ylabel \"{axes[1]}\"",
        "set key outside right", "set grid", "set format x '%.0f'", "set format y '%.0f'", "set logscale x",
        "set yrange [1:*]" if log else "set yrange [0:*]", "set logscale y" if log else "",
    ]
    places = sorted({x for _, points in lines for x, _ in points})
    script.append(f"set xrange [{places[0] * 0.9}:{places[-1] * 1.1}]")
    script.append("set xtics (" + ", ".join(f"'{x:,}' {x}" for x in places) + ")")
    for i, (_, points) in enumerate(lines):
        script += [f"$line{i} << END"] + [f"{x} {y}" for x, y in points] + ["END"]
    script.append("plot " + ", ".join(
        f"$line{i} with linespoints pointtype 7 pointsize 0.6 linewidth 2 title \"{label}\""
        for i, (label, _) in enumerate(lines)))
    subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=True)
    return [f"![{title}](plots/{name}.svg)", ""]


def points(scenarios, name, x, y, measured):
    chosen = [s for s in scenarios if measured(s) and name in s.measured]
    return sorted((x(s), y(s)) for s in chosen)


def plots_of(run, suffix):
    """The plots of a run, those over batches, clients and latencies with the largest stores that all have."""
    largest = [s for s in run.scenarios if s.size == max(run.sizes())]
    names = run.names()
    size = f"{max(run.sizes()):,} events stored"

    def stored_at_once(s):
        return s.name == "batch" or (s.name == "append" and s.clients == 1)

    lines = plot("batch" + suffix, f"Events a second by the size of a batch, {size}", ("events a call", "events a second"),
                 [(n, points(largest, n, lambda s: s.count, lambda s: s.rate(n), stored_at_once)) for n in names])
    lines += plot("clients" + suffix, f"Appends of one event, {size}", ("clients", "events a second"),
                  [(n, points(largest, n, lambda s: s.clients, lambda s: s.rate(n), lambda s: s.name == "append"))
                   for n in names], log=False)
    lines += plot("latency" + suffix, f"Latency of an append of one event, {size}", ("clients", "microseconds"),
                  [(f"{n} {p}", points(largest, n, lambda s: s.clients, lambda s: s.measured[n][f"{p}_us"],
                                       lambda s: s.name == "append")) for n in names for p in ("p50", "p99")])
    for ours in [name for name in OURS if name in names][:1]:
        lines += plot("size" + suffix, f"What an event costs the server by the size of the store, {ours}",
                      ("events stored", "microseconds of a processor"),
                      [(label, points(run.scenarios, ours, lambda s: s.size, lambda s: s.measured[ours]["server_cpu_us"],
                                      lambda s: s.label == label))
                       for label in dict.fromkeys(s.label for s in largest if (s.name, s.clients, s.count) in SHOWN)])
    return lines


def run_section(run, suffix):
    machine = run.machine
    lines = [f"Measured on {machine.get('date')}: {machine.get('machine')}, {machine.get('server')}, files on "
             f"{machine.get('files')}. Settings: `{machine.get('settings')}`.", ""]
    lines += table(["participant", "what it is"],
                   [[name, {**ABOUT, **run.about}.get(name, "")] for name in run.names()])
    lines += [f"**{line['missing']} is missing**: {line['why']}." for line in run.missing]
    problems = {f"{name}: {outcome['problem']} ({s.label}, {s.size:,} events)" for s in run.scenarios
                for name, outcome in s.outcomes.items()
                if "problem" in outcome and outcome["problem"] != "it has no such thing"}
    lines += [""] + [f"- {problem}" for problem in sorted(problems)] + [""]
    lost = losses(run)
    lines += ["Where the store loses, the worst first:" if lost else "The store loses nowhere.", ""]
    lines += [f"- {text}" for text in lost] + [""]
    lines += plots_of(run, suffix)
    for size in run.sizes():
        lines += size_section(run, size)
    return lines


def readme_section(run):
    """A plot and three numbers for the README, of the largest stores."""
    of = {(s.name, s.clients, s.count): s for s in run.scenarios if s.size == max(run.sizes())}
    appends, batches, loads = of.get(("append", 8, 1)), of.get(("batch", 1, 1000)), of.get(("load", 1, 100))
    if not (appends and batches and loads and "libgoes" in loads.measured and "bare" in loads.measured):
        return None
    machine = run.machine

    def beside(scenario, name, what):
        return f"{statistics.median(scenario.ratios('libgoes', name)):.2f} x {what}"

    text = (
        f"**{number(appends.rate('libgoes'))}** appends a second of one event with its expected version, by 8 clients "
        f"({beside(appends, 'bare', 'bare INSERTs')}); **{number(batches.rate('libgoes'))}** events a second in batches "
        f"of 1,000 ({beside(batches, 'copy', 'COPY BINARY')}); **{number(loads.measured['libgoes']['p50_us'])} us** to "
        f"load an aggregate of 100 events ({beside(loads, 'bare', 'a bare SELECT')}). By libgoes, {max(run.sizes()):,} "
        f"events stored, fsync on, {machine['machine']}, {machine['date']}: see [the report](bench/report.md).")
    return ["![Events a second by the size of a batch](bench/plots/batch.svg)", ""] + textwrap.wrap(
        text, 100, break_on_hyphens=False)


def update_readme(run):
    """Writes that section of the README anew."""
    path = HERE.parent / "README.md"
    section = readme_section(run)
    if not section or not path.exists():
        return
    before, heading, rest = path.read_text().partition("## How fast\n\n")
    _, next_heading, after = rest.partition("\n## ")
    if heading and next_heading:
        path.write_text(before + heading + "\n".join(section) + "\n" + next_heading + after)


def main(paths):
    lines = ["# What it costs, beside what else there is", "",
             "Written by `make bench` and `make bench-peers`; [README.md](README.md) says how it is measured. A ratio "
             "is above 1 where the store is faster, and **bold** where it loses. - stands where somebody has no such "
             "thing.", ""]
    for path in sorted(path for path in paths if "unfinished" not in path.name):
        is_peers = "peers" in path.stem
        run = Run(path)
        if run.scenarios:
            lines += ["# Beside other event stores" if is_peers else "# Beside the bare server", ""]
            lines += run_section(run, "-peers" if is_peers else "")
            if not is_peers:
                update_readme(run)
    (HERE / "report.md").write_text("\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n")


main([Path(argument) for argument in sys.argv[1:]])
