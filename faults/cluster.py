"""A throwaway PostgreSQL server that can be killed, filled up and started again."""
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psycopg2

DATABASE = "faults"
SERVER_USER = "postgres"
LONGEST_START = 300  # seconds: a busy machine takes its time

# What a process has written outlives it, so fsync would only take time: no fault here ends the kernel.
SETTINGS = {
    "fsync": "off",
    "listen_addresses": "'127.0.0.1'",
    "shared_buffers": "16MB",
    "max_wal_size": "64MB",
    "checkpoint_timeout": "30s",
    "max_connections": "60",
    "log_min_messages": "warning",
    "log_line_prefix": "'%m [%p] %a %e '",
    "autovacuum_naptime": "3s",
}


class Failure(Exception):
    """Something that must not be: the text says what."""


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def as_server_user(command):
    """PostgreSQL does not run as root."""
    if os.getuid() != 0:
        return command
    return ["setpriv", f"--reuid={SERVER_USER}", f"--regid={SERVER_USER}", "--init-groups", *command]


class Server:
    """Where sessions go: one address, or several of which one takes writes."""

    def __init__(self, *ports):
        self.ports = ports

    def hosts(self):
        return {"host": ",".join("127.0.0.1" for _ in self.ports), "port": ",".join(map(str, self.ports)),
                "user": SERVER_USER, "target_session_attrs": "read-write" if len(self.ports) > 1 else "any"}

    def url(self):
        """For libgoes: all of the server but the database."""
        return " ".join(f"{key}={value}" for key, value in self.hosts().items()) + " dbname=postgres sslmode=disable"

    def connect(self, name="faults", database=DATABASE, **more):
        return psycopg2.connect(dbname=database, application_name=name, connect_timeout=10, **self.hosts(), **more)

    def run(self, sql, arguments=None, name="faults", database=DATABASE):
        """Runs SQL in a session of its own, and returns the rows."""
        connection = self.connect(name, database)
        try:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(sql, arguments)
            return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


class Cluster(Server):
    def __init__(self, folder, programs, settings=None, tablespace=None, wal=None, address_space=None,
                 environment=None):
        """`folder` gets all that there is of it but for what has a place of its own, a tablespace for the database and
        the WAL; `programs` is where initdb and postgres are; no process may have more than `address_space` bytes."""
        self.folder = Path(folder)
        self.programs = Path(programs)
        self.data = self.folder / "data"
        self.tablespace, self.wal = tablespace, wal
        super().__init__(free_port())
        self.environment = environment or {}
        self.preamble = ["prlimit", f"--as={address_space}"] if address_space else []
        self.settings = {**SETTINGS, **(settings or {})}
        self.process = None
        self.own(self.folder)

    def own(self, folder):
        """Makes a folder of the server's user."""
        folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(folder, SERVER_USER)

    def create(self):
        self.program("initdb", "-D", self.data, "-A", "trust", "-U", SERVER_USER, "--no-sync", "--locale=C",
                     "-E", "UTF8", *(["-X", self.wal, "--wal-segsize=1"] if self.wal else []))
        self.configure(**self.settings)
        self.start()
        if self.tablespace:
            self.run(f"CREATE TABLESPACE small LOCATION '{self.tablespace}'", database="postgres")
        self.run(f"CREATE DATABASE {DATABASE} TABLESPACE {'small' if self.tablespace else 'pg_default'}", database="postgres")
        self.run("CREATE EXTENSION goes_store; CREATE EXTENSION amcheck")
        return self

    def program(self, name, *arguments):
        done = subprocess.run(as_server_user([str(self.programs / name), *map(str, arguments)]),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/")
        if done.returncode != 0:
            raise Failure(f"{name} ended with status {done.returncode}: {done.stdout[-2000:]}")
        return done.stdout

    def configure(self, **settings):
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            for name, value in settings.items():
                file.write(f"{name} = {value}\n")

    # ---- Its life

    def start(self):
        """Starts the server, as often as that takes: what is left of a killed one may be in the way."""
        deadline = time.monotonic() + LONGEST_START
        while True:
            self.launch()
            try:
                self.wait_until_up(deadline)
                return
            except Failure:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def start_if_gone(self):
        """Waits for a server that may have stopped, or may recover by itself."""
        try:
            self.wait_until_up()
        except Failure:
            self.start()

    def launch(self):
        # The environment is the server's alone: what changes the user must not be touched by what is preloaded.
        variables = [f"{name}={value}" for name, value in {**self.environment, "LC_ALL": "C.UTF-8"}.items()]
        command = ["env", *variables, *self.preamble, str(self.programs / "postgres"), "-D", str(self.data), "-p", str(self.ports[0]),
                   "-k", str(self.folder)]
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(as_server_user(command), stdout=log, stderr=log, cwd="/")
        log.close()

    def wait_until_up(self, deadline=None):
        deadline = deadline or time.monotonic() + LONGEST_START
        while True:
            if self.process.poll() is not None:
                raise Failure(f"the server does not start: {self.last_log()}")
            try:
                self.connect(database="postgres").close()
                return
            except psycopg2.OperationalError as error:
                if time.monotonic() > deadline:
                    raise Failure(f"the server does not come up: {error}") from error
                time.sleep(0.1)

    def postmaster(self):
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def kill(self):
        """kill -9 of the postmaster, whose backends then end by themselves."""
        os.kill(self.postmaster(), signal.SIGKILL)
        self.process.wait()

    def stop(self, mode="fast"):
        if self.process is not None and self.process.poll() is None:
            self.program("pg_ctl", "-D", self.data, "-m", mode, "-w", "-t", LONGEST_START, "stop")
            self.process.wait()

    def remove(self):
        try:
            self.stop("immediate")
        except Failure:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_text(self):
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def last_log(self, size=3000):
        return self.log_text()[-size:]
