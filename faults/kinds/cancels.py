"""statement_timeout and pg_cancel_backend at random moments, in 10,000 calls and more."""
import threading
import time

import psycopg2

from load import Load
from session import Session

LEAST_CALLS = 10_000
TIMEOUTS_MS = (1, 1, 2, 3, 5, 10, 30, 0)
CHECKED_EVERY = 5  # seconds


class HastySession(Session):
    """Gives each statement but those that end a transaction another time."""

    def __init__(self, cluster, name, random):
        super().__init__(cluster, name)
        self.random = random

    def run(self, sql, arguments=None, wants_rows=True):
        if not sql.startswith(("ROLLBACK", "COMMIT")):
            super().run(f"SET statement_timeout = {self.random.choice(TIMEOUTS_MS)}")
        return super().run(sql, arguments, wants_rows)


def run(run):
    cluster = run.cluster()
    load = run.loads(Load(run, cluster))
    for actor in load.actors:
        actor.session = HastySession(cluster, actor.name, run.generator())
        actor.pause = 0.002
    load.start()
    is_over = threading.Event()
    canceller = threading.Thread(target=cancel, args=(cluster, run.generator(), is_over), daemon=True)
    canceller.start()
    try:
        while not run.is_over() or calls(load) < LEAST_CALLS and not run.is_short:
            time.sleep(min(CHECKED_EVERY, max(0.5, run.end - time.monotonic())))
            load.check()
    finally:
        is_over.set()
        canceller.join()
    run.say(f"{calls(load)} calls, of which {load.sqlstates()['57014']} were ended, {dict(load.sqlstates())}")
    run.say(f"{load.finish()} events acknowledged, each of them there once")


def calls(load):
    return sum(actor.turns + actor.session.sqlstates.total() for actor in load.actors) + len(load.ledger.entries)


def cancel(cluster, random, is_over):
    """Cancels whatever somebody is at."""
    session = Session(cluster, "canceller")
    while not is_over.is_set():
        try:
            session.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND random() < 0.5 "
                        "AND application_name NOT IN ('canceller', 'check', 'faults')")
        except psycopg2.Error:
            session.close()
        time.sleep(random.uniform(0.001, 0.02))
    session.close()
