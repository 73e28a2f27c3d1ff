"""A clock that goes back, and forth: for the server, and for the programs that store events."""
import glob
import time

from cluster import Failure
from load import Load
from run import Skipped
from session import Session

JUMPS = (-1, -5, -3600, -2 * 86400, 1, 60, 3600)  # seconds
LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"


class Clock:
    """Times that a library takes from a file."""

    def __init__(self, run):
        library = glob.glob(LIBRARY)
        if not library:
            raise Skipped("there is no libfaketime")
        self.file, self.offset = run.folder / "clock", 0
        self.jump(0)
        self.environment = {"LD_PRELOAD": library[0], "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
                            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1"}

    def jump(self, seconds):
        self.offset += seconds
        new = self.file.with_suffix(".new")
        new.write_text(f"{self.offset:+d}s\n")
        new.chmod(0o644)
        new.rename(self.file)


def run(run):
    clock = Clock(run)
    run.environment = clock.environment
    cluster = run.cluster(environment=clock.environment)
    load = run.loads(Load(run, cluster)).start()
    session, jumps = Session(cluster, "clock"), 0
    while not run.is_over() or jumps < 3:
        time.sleep(run.random.uniform(0.2, 1))
        seconds = run.random.choice(JUMPS) if jumps else -3600
        before = look(session)
        clock.jump(seconds)
        compare(before, look(session), seconds)
        load.check()
        jumps += 1
    # Leases that were taken later than now last until then.
    clock.jump(4 * 86400 * jumps)
    events = load.finish()
    run.say(f"the clock went back or forth {jumps} times; {dict(load.sqlstates())}")
    run.say(f"{events} events acknowledged, each of them there once")


def look(session):
    return session.run("SELECT goes_now(), goes_uuid_v7()::text, extract(epoch FROM clock_timestamp()) * 1000000000")[0]


def compare(before, after, seconds):
    """goes_now follows the clock, wherever it goes; ids only go up."""
    if not after[1] > before[1]:
        raise Failure(f"the id {after[1]} came after {before[1]}")
    moved = (after[0] - before[0]) / 1e9
    if not seconds - 1 < moved < seconds + 600:
        raise Failure(f"goes_now() moved by {moved} s when the clock went by {seconds} s")
