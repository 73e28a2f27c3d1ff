"""Backends that get no more memory, or no more room for temporary files, beside others that need little."""
import time

import psycopg2

from actors import Actor
from cluster import Failure
from load import Load
from session import Session

LIMIT = 480 << 20  # bytes of address space
TEMP_FILES = "1MB"
SIZES = (1, 3, 10, 30, 60)

# What needs much: some of it succeeds, some does not.
GREEDY = [
    "SELECT goes_insert_json(jsonb_build_object('name', 'big', 'data', repeat('x', {size}000000)), '{store}')",
    "SELECT goes_append_json('big', gen_random_uuid(), (SELECT jsonb_agg(jsonb_build_object('name', 'big', 'data', n)) "
    "FROM generate_series(1, {size}0000) AS n), store => '{store}')",
    "SELECT goes_insert_batch((SELECT array_agg(goes_new_event('big', to_jsonb(repeat('y', 1000)))) "
    "FROM generate_series(1, {size}000)), '{store}')",
    "SET work_mem = '64kB'; SELECT count(*) FROM goes_query(store => '{store}') AS a",
    "SET work_mem = '1GB'; SELECT count(*) FROM goes_query(store => '{store}') AS a CROSS JOIN generate_series(1, {size}) AS b",
    "SELECT count(*) FROM goes_feed(0, max_events => 100000, store => '{store}')",
    "SELECT count(*) FROM goes_feed_page(0, max_events => 100000, store => '{store}')",
    "SELECT goes_events_from_json(jsonb_build_object('name', 'deep', 'data', "
    "(repeat('[', {size}00) || repeat(']', {size}00))::jsonb))",
]

# What has to fail, and how.
TOO_MUCH = [
    ("SELECT goes_insert_json(jsonb_build_object('name', 'big', 'data', repeat('x', 150000000)), '{store}')", "53200"),
    ("SELECT goes_insert_batch((SELECT array_agg(goes_new_event('big', to_jsonb(repeat('y', 1000)))) "
     "FROM generate_series(1, 3000)), '{store}'); SET work_mem = '64kB'; "
     "SELECT count(*) FROM goes_query(store => '{store}')",
     "53400"),
]


class Greedy(Actor):
    def __init__(self, cluster, random, name, store, sizes):
        super().__init__(cluster, random, name)
        self.store, self.sizes = store, sizes

    def turn(self):
        sql = self.random.choice(GREEDY).format(size=self.random.choice(self.sizes), store=self.store)
        self.session.run(sql, wants_rows=False)


def run(run):
    cluster = run.cluster(settings={"temp_file_limit": TEMP_FILES, "max_wal_size": "512MB"}, address_space=LIMIT)
    load = run.loads(Load(run, cluster))
    cluster.run("SELECT goes_create_store('big')")
    cluster.run("SELECT goes_alter_store('big', feed => true)")
    greedy = [Greedy(cluster, run.generator(), f"greedy{n}", "big", SIZES[: 2 if run.is_short else None])
              for n in range(2)]
    load.actors += greedy
    load.start()
    for sql, sqlstate in TOO_MUCH:
        demand(Session(cluster, "too much"), sql.format(store="big"), sqlstate)
    while not run.is_over():
        time.sleep(min(3, max(0.5, run.end - time.monotonic())))
        if "lost" in load.sqlstates() or "57P02" in load.sqlstates():
            raise Failure(f"a session has ended: {dict(load.sqlstates())}")
        load.check()
        cluster.run("TRUNCATE big")
    for actor in greedy:
        actor.end()
    run.say(f"{sum(actor.turns for actor in greedy)} of the greedy calls succeeded; {dict(load.sqlstates())}")
    run.say(f"{load.finish()} events acknowledged, each of them there once")


def demand(session, sql, sqlstate):
    """Makes a call that has to fail, after which the session goes on."""
    try:
        session.run(sql)
    except psycopg2.Error as error:
        if error.pgcode != sqlstate:
            raise Failure(f"{sqlstate} was to be expected, and not {error.pgcode}: {error}") from error
    else:
        raise Failure(f"{sql} was to fail with {sqlstate}")
    if session.run("SELECT goes_count(names => '{missing}', store => 'big')") != [(0,)]:
        raise Failure("the session does not go on")
    session.close()
