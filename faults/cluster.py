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


class Cluster:
    def __init__(self, folder, programs, settings=None, data=None):
        """`folder` gets all that there is of it; `programs` is where initdb and postgres are."""
        self.folder = Path(folder)
        self.programs = Path(programs)
        self.data = Path(data or self.folder / "data")
        self.port = free_port()
        self.environment = {}
        self.preamble = []  # a command that runs the server, such as one that limits it
        self.settings = {**SETTINGS, **(settings or {})}
        self.process = None
        self.own(self.folder)

    def own(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        if os.getuid() == 0:
            shutil.chown(folder, SERVER_USER)

    def create(self):
        self.program("initdb", "-D", self.data, "-A", "trust", "-U", SERVER_USER, "--no-sync", "--locale=C",
                     "-E", "UTF8")
        self.configure(**self.settings)
        self.start()
        self.run(f"CREATE DATABASE {DATABASE}", database="postgres")
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

    def launch(self):
        command = [*self.preamble, str(self.programs / "postgres"), "-D", str(self.data), "-p", str(self.port),
                   "-k", str(self.folder)]
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(as_server_user(command), stdout=log, stderr=log, cwd="/",
                                        env={**os.environ, **self.environment, "LC_ALL": "C.UTF-8"})
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
                time.sleep(0.05)

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

    def last_log(self, size=3000):
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")[-size:]

    # ---- Asking it

    def url(self):
        """For libgoes: all of the server but the database."""
        return f"host=127.0.0.1 port={self.port} user={SERVER_USER} dbname=postgres sslmode=disable"

    def connect(self, name="faults", database=DATABASE, **more):
        return psycopg2.connect(host="127.0.0.1", port=self.port, user=SERVER_USER, dbname=database,
                                application_name=name, connect_timeout=10, **more)

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
