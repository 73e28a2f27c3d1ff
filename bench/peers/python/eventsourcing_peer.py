"""The peer eventsourcing: its recorder for PostgreSQL, which its applications are made of."""
from urllib.parse import urlsplit

import psycopg
from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from peer import COMMON, COMMON_READ, MOST_READ, RARE, new_events, serve, stored_chunks

PAGE = 1000
CHUNKS = 100  # that are stored together


def stored(aggregate, version, events):
    return [StoredEvent(aggregate, version + i + 1, event.name, event.data) for i, event in enumerate(events)]


class Peer:
    def __init__(self, url, size):
        parts = urlsplit(url)
        datastore = PostgresDatastore(
            dbname=parts.path[1:], host=parts.hostname, port=parts.port, user=parts.username, password=parts.password,
            pool_size=65, max_overflow=0)
        self.recorder = PostgresApplicationRecorder(datastore, events_table_name="stored_events")
        self.recorder.create_table()
        events = []
        for chunk, (aggregate, version, made) in enumerate(stored_chunks(size), 1):
            events += stored(aggregate, version, made)
            if chunk % CHUNKS == 0 or chunk == size // 10:
                self.recorder.insert_events(events)
                events = []
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE) stored_events")
        self.ready = {"count": "SELECT count(*) FROM stored_events"}

    def append(self, turn, client):
        self.recorder.insert_events(stored(client.aggregate, client.version, new_events(1)))
        client.version += 1
        return 1

    def hot(self, turn, client):
        """It has no append of any version: whoever was overtaken tries again."""
        while True:
            last = self.recorder.select_events(turn.hot, desc=True, limit=1)
            try:
                self.recorder.insert_events(
                    stored(turn.hot, last[0].originator_version if last else 0, new_events(1)))
                return 1
            except IntegrityError:
                pass

    def batch(self, turn, client):
        import uuid
        self.recorder.insert_events(stored(uuid.uuid4(), 0, new_events(turn.count)))
        return turn.count

    def load(self, turn, client):
        return len(self.recorder.select_events(turn.any_aggregate()))

    def read(self, most, topics=()):
        """The first notifications, a page after the other."""
        count, start = 0, 1
        while count < most:
            page = self.recorder.select_notifications(start, min(PAGE, most - count), topics=topics)
            count += len(page)
            if len(page) < PAGE:
                break
            start = page[-1].id + 1
        return count

    def common(self, turn, client):
        return self.read(COMMON_READ, [COMMON])

    def rare(self, turn, client):
        return self.read(PAGE, [RARE])

    def everything(self, turn, client):
        return self.read(MOST_READ)

    def follow(self):
        subscription = self.recorder.subscribe(gt=self.recorder.max_notification_id())

        def run(take):
            with subscription:
                for notification in subscription:
                    take(notification.state)

        return run, subscription.stop


serve(Peer)
