"""The peer UmaDB: a server of its own, which its wheel has, by its client.

An aggregate is a tag, and so is an event's id. What must not have happened since is a condition of the append.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

from umadb import AppendCondition, CancelledByUserError, Client, Event, Query, QueryItem

from peer import COMMON, COMMON_READ, MOST_READ, RARE, new_events, serve, stored_chunks

CHUNKS = 100  # that are stored together


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def stored(aggregate, events):
    return [Event(event.name, event.data, [f"order:{aggregate}", f"event:{event.id}"]) for event in events]


def about(tag):
    return Query([QueryItem(tags=[tag])])


class Peer:
    def __init__(self, url, size):
        self.folder = tempfile.mkdtemp(prefix="umadb", dir=os.environ.get("BENCH_DATA"))
        port = free_port()
        self.server = subprocess.Popen(
            [os.path.join(os.path.dirname(sys.executable), "umadb"), "--listen", f"127.0.0.1:{port}",
             "--db-path", os.path.join(self.folder, "events.db")], stdout=sys.stderr)
        self.url = f"http://127.0.0.1:{port}"
        self.local = threading.local()
        self.clients, self.lock = [], threading.Lock()
        for _ in range(100):
            try:
                self.client().head()
                break
            except Exception:
                time.sleep(0.1)
        events = []
        for chunk, (aggregate, _, made) in enumerate(stored_chunks(size), 1):
            events += stored(aggregate, made)
            if chunk % CHUNKS == 0 or chunk == size // 10:
                self.client().append(events)
                events = []
        self.ready = {"server_pid": self.server.pid}

    def client(self):
        """A client for each thread of a turn; those of threads that are over go on in others."""
        if not hasattr(self.local, "client"):
            self.local.client = Client(self.url)
        return self.local.client

    def count(self):
        return self.client().head() or 0

    def append(self, turn, client):
        if client.after is None:
            client.connection = self.client()
        client.after = client.connection.append(
            stored(client.aggregate, new_events(1)),
            AppendCondition(about(f"order:{client.aggregate}"), client.after))
        return 1

    def hot(self, turn, client):
        self.client().append(stored(turn.hot, new_events(1)))
        return 1

    def batch(self, turn, client):
        aggregate = uuid.uuid4()
        self.client().append(stored(aggregate, new_events(turn.count)), AppendCondition(about(f"order:{aggregate}")))
        return turn.count

    def read(self, query=None, limit=None):
        count = 0
        for found in self.client().read(query, limit=limit):
            count += len(found.event.data) > 0
        return count

    def load(self, turn, client):
        return self.read(about(f"order:{turn.any_aggregate()}"))

    def find(self, turn, client):
        return self.read(about(f"event:{turn.any_event()}"))

    def common(self, turn, client):
        return self.read(Query([QueryItem(types=[COMMON])]), COMMON_READ)

    def rare(self, turn, client):
        return self.read(Query([QueryItem(types=[RARE])]))

    def everything(self, turn, client):
        return self.read(limit=MOST_READ)

    def follow(self):
        reader = Client(self.url)
        subscription = reader.subscribe(after=reader.head())

        def run(take):
            with reader:  # which ends its subscriptions when nobody has it any more
                try:
                    for found in subscription:
                        take(found.event.data)
                except CancelledByUserError:
                    pass

        return run, subscription.cancel

    def close(self):
        self.server.terminate()
        self.server.wait()
        shutil.rmtree(self.folder)


serve(Peer)
