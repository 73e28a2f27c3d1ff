"""Who works with a store while faults are made. Each is a thread with sessions of its own; a turn may fail with any
error of the server, after which the next turn comes."""
import json
import threading
import time
import uuid
from collections import defaultdict

import psycopg2

from ledger import Ledger
from session import Session, answered

AGGREGATES = 30


class Actor:
    """A thread that takes turns until it is told to end."""

    pause = 0.02

    def __init__(self, cluster, random, name):
        self.cluster, self.random, self.name = cluster, random, name
        self.session = Session(cluster, name)
        self.is_over = threading.Event()
        self.still = threading.Lock()  # whoever holds it knows that no turn is under way
        self.failure = None
        self.turns = 0
        self.thread = threading.Thread(target=self.live, name=name, daemon=True)

    def live(self):
        try:
            while not self.is_over.is_set():
                with self.still:
                    self.try_turn()
                time.sleep(self.pause)
        except Exception as error:  # an error of the tool's own ends the run, and not only the thread
            self.failure = error
        self.session.close()

    def try_turn(self):
        try:
            self.turn()
            self.turns += 1
        except psycopg2.Error:
            self.session.roll_back()

    def start(self):
        self.thread.start()

    def end(self):
        self.is_over.set()
        self.thread.join()

    def turn(self):
        raise NotImplementedError


class Writer(Actor):
    """Stores batches in SQL, in several ways, and keeps a ledger."""

    def __init__(self, cluster, random, name, table, ledger):
        super().__init__(cluster, random, name)
        self.table, self.ledger = table, ledger
        self.aggregates = [str(uuid.UUID(int=random.getrandbits(128), version=4)) for _ in range(AGGREGATES)]
        self.batches = 0

    def turn(self):
        self.batches += 1
        batch = f"{self.name}-{self.batches}"
        count = self.random.choice((1, 1, 2, 5, 20))
        events = [{"name": "fault.stored", "data": {"batch": batch, "n": n, "of": count}} for n in range(count)]
        way = self.random.choice((self.append, self.append_each, self.insert, self.insert_slowly))
        self.ledger.begin(batch, count)
        try:
            self.ledger.stored(batch, way(events))
        except psycopg2.Error as error:
            self.ledger.refused(batch, answered(error))
            raise

    def append(self, events):
        rows = self.session.run("SELECT goes_append_json('thing', %s, %s::jsonb, store => %s)",
                                [self.random.choice(self.aggregates), json.dumps(events), self.table])
        return rows[0][0]

    def append_each(self, events):
        """A call with other appends, of which nothing is expected, beside this one."""
        aggregate, other = self.random.sample(self.aggregates, 2)
        rows = self.session.run(
            "SELECT aggregate_version, sqlstate FROM goes_append_each(ARRAY["
            "('thing', %s, goes_events_from_json(%s::jsonb), NULL), ('thing', %s, '{}', 1000000)"
            "]::goes_append_item[], store => %s) ORDER BY item", [aggregate, json.dumps(events), other, self.table])
        if rows[0][0] is None:
            raise psycopg2.DatabaseError(f"an append of goes_append_each failed with {rows[0][1]}")
        return rows[0][0]

    def insert(self, events):
        """As a goes application does it."""
        self.session.run(f"INSERT INTO {self.table} (id, name, time, data) "
                         "SELECT id, name, time, data FROM unnest(goes_events_from_json(%s::jsonb))",
                         [json.dumps(events)])

    def insert_slowly(self, events):
        """A transaction of several statements."""
        self.session.run("BEGIN")
        for event in events[:5]:
            self.session.run("SELECT goes_insert_json(%s::jsonb, %s)", [json.dumps(event), self.table])
        if events[5:]:
            self.session.run("SELECT goes_insert_json(%s::jsonb, %s)", [json.dumps(events[5:]), self.table])
        self.session.run("COMMIT")


class Creator(Actor):
    """Creates stores, which are there from then on, and drops them again."""

    NAMES = 6

    def __init__(self, cluster, random, name, prefix):
        super().__init__(cluster, random, name)
        self.names = [f"{prefix}_{n}" for n in range(self.NAMES)]
        self.there = {}  # name: True, False, or None where a fault has left that open

    def turn(self):
        name = self.random.choice(self.names)
        is_dropped = self.random.random() < 0.4
        expected = self.there.get(name)
        self.there[name] = None
        if is_dropped:
            self.session.run(f"DROP TABLE IF EXISTS {name}")
        else:
            feed = self.random.choice(("NULL", "true"))
            self.session.run(f"SELECT goes_create_store('{name}'), goes_alter_store('{name}', feed => {feed})"
                             if expected is not True else f"SELECT goes_create_store('{name}')")
        self.there[name] = not is_dropped


class Alterer(Actor):
    """Switches the guards and the feed of a store that has events."""

    def __init__(self, cluster, random, name, table):
        super().__init__(cluster, random, name)
        self.table = table
        self.ledger = Ledger()
        self.said = {}  # setting: the value that was acknowledged; missing where a fault has left that open
        self.batches = 0

    def turn(self):
        setting, value = self.random.choice((
            ("feed", True), ("feed", False), ("append_only", True), ("append_only", False),
            ("validate_versions", "off"), ("validate_versions", "increasing"), ("validate_versions", "sequential")))
        self.said.pop(setting, None)
        self.session.run(f"SELECT goes_alter_store('{self.table}', {setting} => %s)", [value])
        self.said[setting] = value
        self.append()

    def append(self):
        self.batches += 1
        batch = f"{self.name}-{self.batches}"
        event = {"name": "fault.stored", "data": {"batch": batch, "n": 0, "of": 1}}
        self.ledger.begin(batch, 1)
        try:
            rows = self.session.run("SELECT goes_append_json('thing', %s, %s::jsonb, store => %s)",
                                    [str(uuid.UUID(int=self.batches % 7 + 1)), json.dumps(event), self.table])
            self.ledger.stored(batch, rows[0][0])
        except psycopg2.Error as error:
            self.ledger.refused(batch, answered(error))
            raise


class Reader(Actor):
    """Follows the store, and keeps its cursor itself."""

    def __init__(self, cluster, random, name, table):
        super().__init__(cluster, random, name)
        self.table = table
        self.cursor, self.cursor_id = 0, None
        self.got = []

    def turn(self):
        rows = self.session.run(
            "SELECT position, id, name IS NOT NULL FROM goes_feed(%s, after_id => %s, max_events => %s, "
            "wait_ms => %s, store => %s)",
            [self.cursor, self.cursor_id, self.random.choice((10, 200, 1000)), self.random.choice((0, 0, 50)),
             self.table])
        self.got += [position for position, _, is_event in rows if is_event]
        self.cursor, self.cursor_id = rows[-1][:2]


class Worker(Actor):
    """Works for a subscription: what it does is stored with what it says is done."""

    LEASE_MS = 1000

    def __init__(self, cluster, random, name, subscription, store, effects):
        super().__init__(cluster, random, name)
        self.subscription, self.store, self.effects = subscription, store, effects

    def turn(self):
        rows = self.session.run(
            "SELECT partition, epoch, position FROM goes_claim(%s, %s, %s, lease_ms => %s, wait_ms => 50, store => %s)",
            [self.subscription, self.name, self.random.choice((5, 50, 300)), self.LEASE_MS, self.store])
        batches = defaultdict(list)
        for partition, epoch, position in rows:
            batches[partition, epoch].append(position)
        for (partition, epoch), positions in batches.items():
            self.do(partition, epoch, positions)

    def do(self, partition, epoch, positions):
        self.session.run("BEGIN")
        self.session.run(f"INSERT INTO {self.effects} (position) SELECT unnest(%s::bigint[])", [positions])
        self.session.run("SELECT goes_done(%s, %s, %s, done => %s::bigint[], store => %s)",
                         [self.subscription, partition, epoch, positions, self.store])
        self.session.run("COMMIT")
