"""The primary is lost, and its synchronous standby takes over: what was acknowledged is there, too."""
import shutil
import time

from cluster import Failure, Server
from load import Load

LONGEST_JOIN = 120  # seconds
SETTINGS = {"wal_level": "replica", "max_wal_senders": 5, "wal_keep_size": "256MB"}


def run(run):
    clusters = [run.cluster(settings=SETTINGS), run.new_cluster(settings=SETTINGS)]
    primary, standby = clusters
    pair = Server(*(cluster.ports[0] for cluster in clusters))
    load, failovers, events = None, 0, 0
    while not run.is_over() or failovers == 0:
        join(primary, standby)
        load = load or run.loads(Load(run, pair)).start()
        time.sleep(run.random.uniform(1, 3))
        primary.kill()
        standby.program("pg_ctl", "-D", standby.data, "-w", "promote")
        primary, standby = standby, primary
        failovers += 1
        load.check()
    events = load.finish()
    run.say(f"{failovers} failovers; {dict(load.sqlstates())}")
    run.say(f"{events} events acknowledged, each of them there once")


def join(primary, standby):
    """Makes a standby, for which commits wait from then on."""
    if standby.data.exists():
        shutil.rmtree(standby.data)
    standby.program("pg_basebackup", "-D", standby.data, "-h", "127.0.0.1", "-p", primary.ports[0], "-U", "postgres", "-R", "-X",
                    "stream", "-c", "fast", "--no-sync")
    standby.configure(synchronous_standby_names="''", primary_conninfo=f"'host=127.0.0.1 port={primary.ports[0]} user=postgres'")
    (standby.data / "postgresql.auto.conf").write_text("")
    standby.start()
    deadline = time.monotonic() + LONGEST_JOIN
    while not primary.run("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"):
        if time.monotonic() > deadline:
            raise Failure("the standby does not join")
        time.sleep(0.1)
    primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
    primary.run("SELECT pg_reload_conf()")
    while not primary.run("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"):
        if time.monotonic() > deadline:
            raise Failure("the standby does not become synchronous")
        time.sleep(0.1)
