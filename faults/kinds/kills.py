"""kill -9 of backends and of the whole server."""
import os
import signal
import time
from collections import Counter

from load import Load
from session import wait_until_lost

KILLS_OF_A_STORE = 15
LONGEST_AIM = 0.4  # seconds in which a victim has to be seen at work
VICTIMS = ("server", "server", "server", "server", "insert", "append", "writer", "sql", "creator", "creator", "alterer", "alterer",
           "reader", "worker0", "worker1", "checkpointer", "walwriter")

VICTIM = """
SELECT pid, state = 'active' AND wait_event_type IS DISTINCT FROM 'Client', query FROM pg_stat_activity
WHERE application_name = %(victim)s OR backend_type = %(victim)s ORDER BY 2 DESC NULLS LAST LIMIT 1"""


def run(run):
    """Kills until the time is over, and checks after each kill."""
    cluster = run.cluster()
    tally, number, events, begun = Counter(), 0, 0, time.monotonic()
    while not run.is_over() or number == 0:
        load = run.loads(Load(run, cluster, number)).start()
        for _ in range(KILLS_OF_A_STORE):
            time.sleep(run.random.uniform(0.1, 0.8))
            kill(run, cluster, tally)
            load.check()
            if run.is_over():
                break
        events += load.finish()
        number += 1
        run.say(f"{tally.total()} kills in {(time.monotonic() - begun) / 60:.1f} minutes, {events} events acknowledged, "
                f"each of them there once; {dict(load.sqlstates())}")
    run.say(f"killed: {dict(tally)}")


def kill(run, cluster, tally):
    victim = run.random.choice(VICTIMS)
    if victim == "server":
        cluster.kill()
        tally["server"] += 1
        cluster.start()
        return
    tally[kill_backend(cluster, victim)] += 1


def kill_backend(cluster, victim):
    """Kills a backend, if it can be while it is at work, and waits until the server has recovered."""
    connection = cluster.connect("aim")
    connection.autocommit = True
    cursor = connection.cursor()
    deadline = time.monotonic() + LONGEST_AIM
    while True:
        cursor.execute(VICTIM, {"victim": victim})
        row = cursor.fetchone()
        if row is not None and (row[1] or time.monotonic() > deadline):
            break
        if row is None and time.monotonic() > 10 * LONGEST_AIM + deadline:
            break
        time.sleep(0.01)
    if row is None:
        connection.close()
        return f"no {victim}"
    os.kill(row[0], signal.SIGKILL)
    wait_until_lost(connection)
    connection.close()
    cluster.wait_until_up()
    return f"{victim} {'at work' if row[1] else 'at rest'}"
