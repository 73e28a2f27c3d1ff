"""What the peers in Python share: the protocol of bench/README.md, and the events that every store has.

Clients are threads.
"""
import json
import os
import random
import sys
import threading
import time
import uuid

COMMON, PAID, RARE = "order.item_added", "order.paid", "order.disputed"
MOST_READ, COMMON_READ = 100_000, 1000
LOST = 10  # seconds until an event counts as lost
now = time.monotonic


class Turn:
    def __init__(self, scenario, clients, count, seconds, size):
        self.scenario, self.clients, self.count = scenario, int(clients), int(count)
        self.seconds, self.size, self.hot = float(seconds), size, uuid.uuid4()

    def any_aggregate(self):
        """One of the aggregates of that many events."""
        there = self.size // 10 * (6 if self.count == 10 else 2) // self.count
        return aggregate_id(self.count, random.randrange(there))

    def any_event(self):
        return stored_id(random.randrange(self.size))


class Client:
    """A client, and what it has done in a turn."""

    def __init__(self):
        self.aggregate, self.version, self.after = uuid.uuid4(), 0, None
        self.events, self.latencies, self.error = 0, [], None

    def work(self, operation, turn):
        try:
            self.start = self.end = now()
            while self.end < self.start + turn.seconds:
                self.events += operation(turn, self)
                then = now()
                self.latencies.append(round(1e6 * (then - self.end)))
                self.end = then
        except Exception as error:
            self.error = error


class Event:
    def __init__(self, name, data, id=None):
        self.id, self.name, self.data = id or uuid.uuid4(), name, json.dumps(data).encode()


def stored_id(number):
    return uuid.UUID(f"019a0000-0000-7000-8000-{number:012x}")


def aggregate_id(length, number):
    return uuid.UUID(f"{length:08d}-0000-4000-8000-{number:012x}")


def stored_chunks(size):
    """What a store of a size has, ten events of an aggregate at a time: (aggregate, version, events); see
    goes_bench_fill.c."""
    for chunk in range(size // 10):
        round, place = divmod(chunk, 10)
        length = 1000 if place < 2 else 100 if place < 4 else 10
        number = round * 6 + place - 4 if length == 10 else round * 2 + chunk % 2
        there = size // 10 * 6 // 10 if length == 10 else size // 10 * 2 // length
        events = [Event(RARE if n % (size // 100) == 0 else PAID if n % 10 == 5 else COMMON,
                        {"sku": f"{random.getrandbits(128):032x}", "quantity": n % 7, "channel": "web",
                         "customer": f"{random.getrandbits(128):032x}", "note": "leave it at the back door, please"},
                        stored_id(n))
                  for n in range(chunk * 10, chunk * 10 + 10)]
        yield aggregate_id(length, number % there), number // there * 10, events


def new_events(count):
    return [Event(COMMON, {"sent": now(), "sku": f"{random.getrandbits(64):016x}", "quantity": i % 7, "channel": "web",
                           "customer": f"{random.getrandbits(128):032x}", "note": "leave it at the back door, please"})
            for i in range(count)]


class Follower:
    """What follows: follow(take) calls take with the data of each event; stop ends that."""

    def __init__(self, follow, stop):
        self.delays, self.last_news, self.stop = [], now(), stop
        self.thread = threading.Thread(target=follow, args=[self.take])
        self.thread.start()

    def take(self, data):
        self.last_news = now()
        self.delays.append(round(1e6 * (self.last_news - json.loads(data)["sent"])))

    def wait_for(self, stored):
        self.last_news = now()
        while len(self.delays) < stored and now() < self.last_news + LOST:
            time.sleep(0.001)
        self.stop()
        self.thread.join()


def take_turn(peer, turn):
    is_followed = turn.scenario == "follow"
    operation = getattr(peer, "append" if is_followed else turn.scenario, None)
    if operation is None or is_followed and not hasattr(peer, "follow"):
        return {"unsupported": 1}
    follower = Follower(*peer.follow()) if is_followed else None
    clients = [Client() for _ in range(turn.clients)]
    threads = [threading.Thread(target=client.work, args=[operation, turn]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        if client.error:
            raise client.error
    stored = sum(client.events for client in clients)
    end = max(client.end for client in clients)
    latencies = [latency for client in clients for latency in client.latencies]
    if is_followed:
        follower.wait_for(stored)
        end = max(end, follower.last_news)
    return {"operations": len(latencies), "events": len(follower.delays) if is_followed else stored, "stored": stored,
            "seconds": end - min(client.start for client in clients),
            "latencies_us": follower.delays if is_followed else latencies}


def serve(peer_class):
    """Does what the standard input says. peer_class(url, size) fills the store; it has a method for each scenario
    that the peer has, and "ready", its first answer, without the "ready"."""
    peer = size = None
    for line in sys.stdin:
        verb, *words = line.split()
        if verb == "open":
            size = int(words[1])
            peer = peer_class(words[0], size)
            answer = {"ready": 1, **peer.ready}
        elif verb == "count":
            answer = {"count": peer.count()}
        else:
            answer = take_turn(peer, Turn(*words, size))
        print(json.dumps(answer), flush=True)
    if hasattr(peer, "close"):
        peer.close()
    sys.stdout.flush()
    os._exit(0)  # threads of libraries do not keep it
