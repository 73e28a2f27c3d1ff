"""A session that comes back: after a fault it connects again, and counts what it was told."""
import time
from collections import Counter

import psycopg2

from cluster import Failure

PAUSE = 0.3
LONGEST_LOSS = 120  # seconds


class Session:
    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name
        self.connection = None
        self.sqlstates = Counter()
        self.messages = {}

    def run(self, sql, arguments=None, wants_rows=True):
        """Runs statements, each call a transaction unless there is a BEGIN, and returns the rows of the last one.
        Raises psycopg2.Error, and is connected anew after one that has ended the connection."""
        try:
            if self.connection is None:
                self.connection = self.cluster.connect(self.name)
                self.connection.autocommit = True
            with self.connection.cursor() as cursor:
                cursor.execute(sql, arguments)
                return cursor.fetchall() if wants_rows and cursor.description else []
        except psycopg2.Error as error:
            self.note(error)
            if self.connection is None or self.connection.closed:
                self.close()
                time.sleep(PAUSE)
            raise

    def note(self, error):
        self.sqlstates[error.pgcode or "lost"] += 1
        self.messages[error.pgcode or "lost"] = str(error).strip()

    def close(self):
        """Drops the connection, with the transaction that may be open."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def roll_back(self):
        try:
            if self.connection is not None:
                self.run("ROLLBACK")
        except psycopg2.Error:
            self.close()


def answered(error):
    """The SQLSTATE of an error after which nothing is stored, or None: the connection may have been lost behind
    the commit. A backend that is told to end says 57P0x, which the commit may have come before."""
    code = error.pgcode
    return None if code is None or code.startswith(("08", "57P0")) else code


def wait_until_lost(connection, meanwhile=lambda: None):
    """The server ends all sessions when it, or one of its processes, was ended: waits until this one is."""
    deadline = time.monotonic() + LONGEST_LOSS
    try:
        while time.monotonic() < deadline:
            connection.cursor().execute("SELECT pg_sleep(0.01)")
            meanwhile()
    except psycopg2.OperationalError:
        connection.close()
        return
    raise Failure("the server goes on, and should not")
