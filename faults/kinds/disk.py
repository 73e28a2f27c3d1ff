"""A disk that is full: that of the tables, whose writers get an error, and that of the WAL, which stops the server."""
import os
import shutil
import subprocess
import time

from cluster import SERVER_USER
from load import Load
from run import Skipped
from session import wait_until_lost

TABLES_SIZE, WAL_SIZE = "96m", "40m"
BLOCK = 64 * 1024


def as_root(*command):
    if os.getuid() != 0:
        command = ("sudo", "-n", *command)
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Disk:
    """A small file system of its own."""

    def __init__(self, run, name, size):
        self.folder = run.folder / name
        self.folder.mkdir()
        self.ballast = self.folder / "ballast"
        done = as_root("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(self.folder))
        if done.returncode != 0:
            raise Skipped(f"no file system can be mounted here: {done.stdout.strip()}")
        run.at_end(lambda: as_root("umount", "-l", str(self.folder)))
        self.inner = self.folder / "data"
        self.inner.mkdir()
        if os.getuid() == 0:
            shutil.chown(self.inner, SERVER_USER)

    def fill(self):
        """Leaves no block free."""
        with open(self.ballast, "wb", buffering=0) as file:
            size = BLOCK
            while size > 512:
                try:
                    file.write(b"\0" * size)
                except OSError:
                    size //= 2

    def empty(self):
        self.ballast.unlink(missing_ok=True)


def run(run):
    fill_tables(run)
    fill_wal(run)


def fill_tables(run):
    disk = Disk(run, "tables", TABLES_SIZE)
    cluster = run.cluster(tablespace=disk.inner)
    end = time.monotonic() + run.seconds / 2
    load = run.loads(Load(run, cluster)).start()
    rounds = 0
    while time.monotonic() < end or rounds == 0:
        time.sleep(run.random.uniform(0.2, 1))
        before = load.sqlstates()["53100"]
        disk.fill()
        load.wait_until("the disk is full", lambda: (disk.fill(), load.sqlstates()["53100"] > before + 5)[1])
        load.check_actors()
        disk.empty()
        load.check()
        rounds += 1
    run.say(f"the tables' disk was full {rounds} times; {dict(load.sqlstates())}")
    run.say(f"{load.finish()} events acknowledged, each of them there once")


def fill_wal(run):
    disk = Disk(run, "wal", WAL_SIZE)
    cluster = run.cluster(settings={"min_wal_size": "4MB", "max_wal_size": "8MB", "wal_recycle": "off"}, wal=disk.inner / "wal")
    load = run.loads(Load(run, cluster)).start()
    rounds = 0
    while not run.is_over() or rounds == 0:
        time.sleep(run.random.uniform(0.3, 1))
        connection = cluster.connect("witness")
        connection.autocommit = True
        wait_until_lost(connection, disk.fill)
        disk.empty()
        cluster.start_if_gone()
        load.check()
        rounds += 1
    run.say(f"the WAL's disk was full {rounds} times; {dict(load.sqlstates())}")
    run.say(f"{load.finish()} events acknowledged, each of them there once")
