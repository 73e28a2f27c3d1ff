"""Every connection of the server is taken, and those who had one are thrown out."""
import time

import psycopg2

from cluster import Failure
from load import Load

MOST = 24


def run(run):
    cluster = run.cluster(settings={"max_connections": MOST, "max_wal_senders": 0})
    load = run.loads(Load(run, cluster)).start()
    rounds = 0
    while not run.is_over() or rounds == 0:
        time.sleep(run.random.uniform(0.3, 1))
        greedy = take_all(cluster)
        throw_out(greedy[0])
        greedy += take_all(cluster)
        time.sleep(run.random.uniform(0.5, 1.5))
        for connection in greedy:
            connection.close()
        load.wait_until("a connection is free", lambda: load.ask("SELECT 1"))
        load.check()
        rounds += 1
    seen = load.sqlstates()
    run.say(f"{rounds} times all {MOST} connections were taken; {dict(seen)}")
    if "lost" not in seen and "53300" not in seen:
        raise Failure("nobody has met a server without connections")
    run.say(f"{load.finish()} events acknowledged, each of them there once")


def take_all(cluster):
    connections = []
    while True:
        try:
            connections.append(cluster.connect("greedy"))
            connections[-1].autocommit = True
        except psycopg2.OperationalError:
            if connections:
                return connections
            time.sleep(0.05)


def throw_out(connection):
    """Ends everybody else's session, and so each has to connect again."""
    connection.cursor().execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                "WHERE application_name <> 'greedy' AND backend_type = 'client backend'")
