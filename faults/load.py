"""A store that everybody works with: libgoes' writers, SQL, who creates and alters stores, a reader and workers."""
import os
import signal
import subprocess
import time
from collections import Counter
from contextlib import ExitStack

import psycopg2

import soundness
from actors import Alterer, Creator, Reader, Worker, Writer
from cluster import Failure
from ledger import Ledger
from session import Session

WAYS = ("insert", "append", "writer")  # of writer.c
WORKERS = 2
LONGEST_END = 120  # seconds

# What no fault may be answered with.
FORBIDDEN = ("XX000", "XX001", "XX002", "VE004", "VE006")


class Load:
    """One generation: a store, and all who work with it until it is checked as a whole and dropped."""

    def __init__(self, run, cluster, number=0):
        self.run, self.cluster, self.number = run, cluster, number
        self.store, self.altered = f"store{number}", f"altered{number}"
        self.subscriptions, self.effects = f"subscriptions{number}", f"effects{number}"
        self.ledger = Ledger()
        self.programs = []
        self.make_tables()
        self.checks = Session(cluster, "check")
        self.creator = Creator(cluster, run.generator(), "creator", f"made{number}")
        self.alterer = Alterer(cluster, run.generator(), "alterer", self.altered)
        self.reader = Reader(cluster, run.generator(), "reader", self.store)
        self.workers = [Worker(cluster, run.generator(), f"worker{n}", "work", self.subscriptions, self.effects)
                        for n in range(WORKERS)]
        self.writer = Writer(cluster, run.generator(), "sql", self.store, self.ledger)
        self.actors = [self.creator, self.alterer, self.reader, *self.workers, self.writer]

    def make_tables(self):
        self.cluster.run(f"""
            SELECT goes_create_store('{self.store}'), goes_create_store('{self.altered}');
            SELECT goes_alter_store('{self.store}', feed => true);
            SELECT goes_create_subscription_store('{self.subscriptions}');
            SELECT goes_subscribe('work', partitions => 4, events => '{self.store}', store => '{self.subscriptions}');
            CREATE TABLE {self.effects} (position bigint)""")

    def start(self):
        for actor in self.actors:
            actor.start()
        for number, way in enumerate(WAYS):
            path = self.run.folder / f"ledger{len(self.run.running)}_{way}"
            self.ledger.follow(path)
            command = [str(self.run.programs / "writer"), way, self.cluster.url() + f" application_name={way}",
                       self.store, str(self.number), str(self.run.random.getrandbits(31)), str(path)]
            self.programs.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                                                  env={**os.environ, **self.run.environment}))
        return self

    # ---- Whether all is well

    def check(self):
        """What can be said while everybody goes on."""
        self.check_actors()
        self.checks.close()  # a fault may have ended it
        with ExitStack() as stack:
            for actor in (self.creator, self.alterer):
                stack.enter_context(actor.still)
            soundness.check_creator(self.checks, self.creator)
            soundness.check_alterer(self.checks, self.alterer)
            soundness.check_store(self.checks, self.store)
            soundness.check_pages(self.checks)
        with self.reader.still:
            soundness.check_reader(self.checks, self.reader)
        soundness.check_effects(self.checks, self.effects)
        soundness.check_versions(self.checks, self.store)
        return soundness.check_ledger(self.checks, self.store, self.ledger)

    def check_actors(self):
        for actor in self.actors:
            if actor.failure is not None:
                raise Failure(f"{actor.name}: {actor.failure!r}") from actor.failure
            for sqlstate in FORBIDDEN:
                if sqlstate in actor.session.sqlstates:
                    raise Failure(f"{actor.name}: {sqlstate}, {actor.session.messages[sqlstate]}")
        for program in self.programs:
            if program.poll() is not None:
                raise Failure(f"writer.c ended: {program.stderr.read()}")
        for sqlstate in FORBIDDEN:
            if sqlstate in self.ledger.sqlstates:
                raise Failure(f"a writer got {sqlstate}")

    def sqlstates(self):
        return sum((actor.session.sqlstates for actor in self.actors), Counter()) + self.ledger.sqlstates

    # ---- The end

    def come_to_rest(self):
        """Ends the writers, and lets the reader and the workers come to the end."""
        self.check_actors()
        self.end_writers()
        self.wait_until("the reader has every event", self.is_read)
        self.wait_until("every event has its effect", self.is_done)

    def finish(self):
        """Comes to rest, looks at everything, and removes it. Returns how many events were acknowledged."""
        self.come_to_rest()
        count = self.check()
        for actor in self.actors:
            actor.end()
        self.cluster.run(f"SELECT goes_unsubscribe('work', '{self.subscriptions}'); "
                         f"SELECT goes_alter_store('{self.store}', feed => false); "
                         f"DROP TABLE {self.store}, {self.altered}, {self.effects}, {self.subscriptions}, "
                         f"{self.subscriptions}_partitions, {self.subscriptions}_retries")
        return count

    def end_writers(self):
        for actor in (self.writer, self.creator, self.alterer):
            actor.end()  # once more does no harm
        for program in self.programs:
            program.terminate()
        for program in self.programs:
            try:
                program.wait(LONGEST_END)
            except subprocess.TimeoutExpired as error:
                raise Failure(f"{program.args[1]} does not end") from error
            if program.returncode != 0:
                raise Failure(f"{program.args[1]} ended with {program.returncode}: {program.stderr.read()}")
        self.programs = []

    def wait_until(self, what, is_so):
        deadline = time.monotonic() + LONGEST_END
        while not is_so():
            self.check_actors()
            if time.monotonic() > deadline:
                raise Failure(f"it does not come to pass that {what}")
            time.sleep(0.05)

    def is_read(self):
        last = self.ask(f"SELECT coalesce(max(position), 0) FROM {self.store}")
        return (self.reader.got[-1] if self.reader.got else 0) == last

    def is_done(self):
        return self.ask(f"SELECT count(*) FROM {self.store} WHERE position NOT IN (SELECT position FROM {self.effects})") == 0

    def ask(self, sql):
        try:
            return self.checks.run(sql)[0][0]
        except psycopg2.OperationalError:
            return None

    def abandon(self):
        """After a failure: ends all that runs, whatever it is at."""
        for program in self.programs:
            if program.poll() is None:
                os.kill(program.pid, signal.SIGKILL)
        for actor in self.actors:
            actor.is_over.set()
