"""What writers were told, kept outside of all that faults end."""
import threading
from collections import Counter
from pathlib import Path

STORED = "stored"
ABSENT = "absent"
UNKNOWN = "unknown"

# Statuses of libgoes after which a batch may be stored or not; all other errors promise that it is not.
MAYBE = {-4, -5, -9}  # GOES_ERR_TIMEOUT, GOES_ERR_CANCELLED, GOES_ERR_IN_DOUBT


class Entry:
    """A batch: how many events, and what was said of it. `version` is its last one, or None."""

    __slots__ = ("count", "said", "version")

    def __init__(self, count):
        self.count, self.said, self.version = count, UNKNOWN, None


class Ledger:
    """The batches that go to one table."""

    def __init__(self):
        self.entries = {}
        self.sqlstates = Counter()
        self.lock = threading.Lock()
        self.files = {}  # path: how much of it is read

    # ---- Writers in this process

    def begin(self, batch, count):
        with self.lock:
            self.entries[batch] = Entry(count)

    def stored(self, batch, version=None):
        with self.lock:
            entry = self.entries[batch]
            entry.said, entry.version = STORED, version

    def refused(self, batch, sqlstate):
        """The server has answered with an error: nothing is stored. Without one nobody knows."""
        with self.lock:
            self.sqlstates[sqlstate or "lost"] += 1
            if sqlstate:
                self.entries[batch].said = ABSENT

    # ---- Writers that are programs (writer.c)

    def follow(self, path):
        self.files[Path(path)] = 0

    def read_files(self):
        for path, position in self.files.items():
            if not path.exists():
                continue
            with open(path, "rb") as file:
                file.seek(position)
                text = file.read()
            whole = text.rfind(b"\n") + 1
            self.files[path] = position + whole
            for line in text[:whole].decode().splitlines():
                self.read_line(line.split())

    def read_line(self, words):
        if words[0] == "begin":
            self.entries[words[1]] = Entry(int(words[2]))
            return
        entry, status = self.entries[words[1]], int(words[2])
        if status == 0:
            entry.said = STORED
            entry.version = int(words[3]) or None
        else:
            self.sqlstates[words[4] if words[4] != "-" else f"status {status}"] += 1
            entry.said = UNKNOWN if status in MAYBE else ABSENT

    # ---- What there has to be

    def told(self):
        """What was said so far: look at the table only afterwards."""
        with self.lock:
            self.read_files()
            return {batch: (entry.count, entry.said, entry.version) for batch, entry in self.entries.items()}


def compare(told, found):
    """What is wrong with the batches found: {batch: (rows, different ones, size, last version)}."""
    problems = []
    for batch, (rows, different, size, version) in found.items():
        if rows != size or different != size:
            problems.append(f"{batch} has {rows} rows, {different} different ones, of {size}")
        if batch in told and told[batch][1] == ABSENT:
            problems.append(f"{batch} was refused, and is stored")
        if batch in told and told[batch][2] not in (None, version):
            problems.append(f"{batch} ends with version {version}, and was said to end with {told[batch][2]}")
    lost = [batch for batch, (_, said, _) in told.items() if said == STORED and batch not in found]
    problems += [f"{batch} was acknowledged, and is lost" for batch in lost]
    return problems
