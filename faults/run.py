"""Makes faults on a server of its own, and looks what they have done: see tools/faults."""
import argparse
import importlib
import random
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from cluster import Cluster, Failure  # noqa: E402

KINDS = ("noticed", "kills", "cancels", "disk", "connections", "memory", "standby", "clock", "calls")
SHORT_SECONDS = {"kills": 15}


class Skipped(Exception):
    """This machine does not have what a fault takes: the text says what."""


class Run:
    """One kind of fault: its time, its random numbers, its folder."""

    def __init__(self, options, kind, seconds):
        self.kind, self.is_short, self.calls = kind, options.short, options.calls
        self.programs, self.server = Path(options.programs), Path(options.server)
        self.random = random.Random(f"{options.seed} {kind}")
        self.folder = Path(options.folder) / kind
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        self.seconds, self.end = seconds, None  # the time begins when the server is there
        self.environment = {}  # of writer.c
        self.clusters, self.running, self.last_steps = [], [], []

    def generator(self):
        return random.Random(self.random.getrandbits(64))

    def is_over(self):
        return time.monotonic() > self.end

    def say(self, text):
        print(f"# {self.kind}: {text}", flush=True)

    def new_cluster(self, **more):
        cluster = Cluster(self.folder / f"server{len(self.clusters)}", self.server, **more)
        self.clusters.append(cluster)
        return cluster

    def cluster(self, **more):
        """A server that runs, with the extension."""
        cluster = self.new_cluster(**more)
        cluster.create()
        self.end = self.end or time.monotonic() + self.seconds
        return cluster

    def loads(self, load):
        self.running.append(load)
        return load

    def clean_up(self):
        for load in self.running:
            load.abandon()
        for cluster in self.clusters:
            cluster.remove()
        for step in self.last_steps:
            step()

    def at_end(self, step):
        """Something that is done once no server runs any more."""
        self.last_steps.append(step)


def make(options, kind, seconds):
    """Makes the faults of a kind: passed, failed or skipped."""
    run = Run(options, kind, seconds)
    begun = time.monotonic()
    try:
        importlib.import_module(f"kinds.{kind}").run(run)
    except Skipped as reason:
        print(f"skipped   {kind}: {reason}", flush=True)
        return "skipped"
    except Exception as error:
        print(f"not ok    {kind}: {error}", flush=True)
        if not isinstance(error, Failure):
            traceback.print_exc()
        for cluster in run.clusters:
            print(f"# the server's log:\n{cluster.last_log()}", flush=True)
        return "failed"
    finally:
        run.clean_up()
        shutil.rmtree(run.folder, ignore_errors=True)
    print(f"ok        {kind}, {time.monotonic() - begun:.0f} s", flush=True)
    return "passed"


def end(signal_number, frame):
    """Whoever is terminated or interrupted cleans up."""
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    parser = argparse.ArgumentParser(prog="tools/faults")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(31))
    parser.add_argument("--minutes", type=float, default=5, help="how long, shared by the kinds (5)")
    parser.add_argument("--calls", type=int, help="how many calls are generated, whatever time that takes")
    parser.add_argument("--short", action="store_true", help="what CI does: each kind for some seconds")
    parser.add_argument("--server", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--programs", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--folder", required=True, help=argparse.SUPPRESS)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    options = parser.parse_args()
    kinds = options.kinds or KINDS
    unknown = set(kinds) - set(KINDS)
    if unknown:
        parser.error(f"there is no fault {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    print(f"# seed: tools/faults --seed {options.seed}", flush=True)
    results = [make(options, kind, SHORT_SECONDS.get(kind, 3) if options.short else options.minutes * 60 / len(kinds))
               for kind in kinds]
    if "skipped" in results:
        print(f"# {results.count('skipped')} skipped")
    print(f"{results.count('passed')} passed, {results.count('failed')} failed")
    return 1 if "failed" in results or "passed" not in results else 0


if __name__ == "__main__":
    sys.modules["run"] = sys.modules["__main__"]  # the kinds raise Skipped
    sys.exit(main())
