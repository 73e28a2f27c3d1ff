"""SQL expressions for arguments of any type: usual ones, nulls, extreme, nested, huge and nonsensical ones."""
import json

from cluster import Failure

IDS = [f"019a0000-0000-7000-8000-00000000000{n:x}" for n in range(10)] + [
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]
NAMES = ["order", "order.placed", "a", "", "x" * 255, "x" * 256, "ä" * 255, 'a"b\\c\'d', "{}", "NULL", "\U0001f600", "a\nb",
         "%s%n", "$1", "x" * 5000]
TABLES = ["events", "fed", "guarded", "snapshots", "models", "subscriptions", "odd.\"Odd Name\"", "a_view", "parted",
          "sequence", "fed_feed", "subscriptions_retries", "new1", "new2", "temporary", "pg_class",
          "pg_catalog.pg_proc", "", "events.events", "a.b.c.d", '"', "\"unclosed", "goes_event", "x" * 70, "missing",
          "information_schema.tables", "events_pkey"]
INTEGERS = [0, 1, 2, 3, 5, 10, -1, -2, -3, 1000, 2**31 - 1, -2**31, 2**31 - 2]
BIGINTS = INTEGERS + [2**63 - 1, -2**63, 2**62, 10**18, -1, 10**15, 2**53 + 1]
CURSORS = ["'c1'", "'c2'", "''", "'<unnamed portal 1>'", "'a \"b'"]
WORDS = {  # values that arguments of these names are looked up among
    "store": TABLES, "events": ["fed", *TABLES], "validate_versions": ["off", "increasing", "sequential", "on", ""],
    "sort": ["time", "time desc", "aggregate_name asc", "aggregate_id", "aggregate_version desc", "TIME", "time  asc", "data", ""],
    "kind": ["name_time", "aggregate_name_time", "aggregate_version", "time"],
    "worker": ["w1", "w2", ""], "name": ["all", "some", "order", "new"], "subscription": ["all", "some", "new"], "id": ["m1", "m2", ""]}
NUMBERS = ["'1e400'", "'-1e131071'", "'1e-16383'", "repeat('9', 5000)", "'1e999999'", "'0.' || repeat('1', 9000)",
           "'9223372036854775808'"]
KINDS = {"snapshot": "snapshots", "model": "models", "feed": "fed"} | dict.fromkeys(
    ("claim", "done", "renew", "release", "subscri", "park", "skip", "rewind"), "subscriptions")
HUGE = 30_000
DEEPEST = 10_000


def quote(text):
    """A string literal, whatever standard_conforming_strings says."""
    return " E'" + text.replace("\\", "\\\\").replace("'", "''").replace("\0", "") + "'"


class Values:
    def __init__(self, random, types):
        """`types` has for each composite type its attributes, as (name, type)."""
        self.random, self.types = random, types
        self.simple = {
            "text": self.text, "uuid": self.uuid, "bytea": self.bytes, "timestamp with time zone": self.timestamp,
            "integer": lambda name: str(self.integer(INTEGERS, 32)),
            "bigint": lambda name: f"({self.integer(BIGINTS, 64)})::bigint",
            "boolean": lambda name: self.one_of(("true", "false")),
            "jsonb": lambda name: self.jsonb(),
            "int8range": lambda name: self.range("int8range", BIGINTS, 64),
            "int4range": lambda name: self.range("int4range", INTEGERS, 32),
            "refcursor": lambda name: self.one_of(CURSORS) + "::refcursor"}

    def one_of(self, values):
        return self.random.choice(values)

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def argument(self, function, name, kind):
        """The same for an argument of a function: most stores are of the kind that the function is about."""
        if name == "store" and self.chance(60):
            return quote(next((store for word, store in KINDS.items() if word in function), self.one_of(("events", "fed"))))
        return self.value(name, kind)

    def value(self, name, kind, nulls=8):
        """An expression of this type, for an argument of that name."""
        if kind == "internal":
            return "NULL"
        if self.chance(nulls):
            return f"NULL::{kind}"
        if kind.endswith("[]"):
            return self.array(name, kind[:-2])
        if kind in self.types:
            return self.row(kind)
        if kind not in self.simple:
            raise Failure(f"faults/values.py knows no values of type {kind}")
        return self.simple[kind](name)

    # ---- Scalars

    def integer(self, usual, bits):
        if self.chance(80):
            return self.one_of(usual)
        return self.random.getrandbits(bits) - 2 ** (bits - 1)

    def text(self, name):
        if name in WORDS and self.chance(90):
            return quote(self.one_of(WORDS[name][:8] if self.chance(70) else WORDS[name]))
        if self.chance(3):
            return f"repeat({quote(self.one_of(('x', 'ä', '.', chr(34))))}, {self.random.randrange(HUGE)})"
        if self.chance(15):
            return quote("".join(self.character() for _ in range(self.random.randrange(40))))
        return quote(self.one_of(NAMES))

    def character(self):
        first, last = self.one_of(((1, 0x80), (0xa0, 0xd800), (0x10000, 0x110000)))
        return chr(self.random.randrange(first, last))

    def uuid(self, name):
        if self.chance(70):
            return f"'{self.one_of(IDS)}'::uuid"
        return self.one_of(("gen_random_uuid()", "public.goes_uuid_v7()", f"'{self.random.getrandbits(128):032x}'::uuid"))

    def bytes(self, name):
        return self.one_of(("''::bytea", "'\\x00ff'::bytea", f"decode(repeat('00ff', {self.random.randrange(HUGE)}), 'hex')"))

    def timestamp(self, name):
        return self.one_of(("now()", "'infinity'", "'-infinity'", "'4713-01-01 BC'", "'294276-12-31'", "'1970-01-01 UTC'",
                            "'2262-04-11 23:47:16.854775+00'", "'2262-04-12'", "'1677-09-21 00:12:43+00'", "'1677-09-20'")) + "::timestamptz"

    def range(self, kind, usual, bits):
        if self.chance(10):
            return f"'empty'::{kind}"
        ends = sorted((self.integer(usual, bits), self.integer(usual, bits)))
        texts = ["NULL" if self.chance(20) else f"{end}::{kind[:4]}" for end in ends]
        return f"{kind}({texts[0]}, {texts[1]}, {quote(self.one_of(('[]', '[)', '(]', '()')))})"

    # ---- What is made of others

    def array(self, name, kind):
        draw = self.random.random()
        if draw < 0.08:
            return f"'{{}}'::{kind}[]"
        if draw < 0.1:
            return f"array_fill({self.value(name, kind)}, ARRAY[2, 2])::{kind}[]"
        if draw < 0.12:
            return f"array_fill({self.value(name, kind)}, ARRAY[3], ARRAY[{self.one_of((-5, 0, 7, 2**31 - 4))}])::{kind}[]"
        if draw < 0.14:
            return f"array_fill({self.value(name, kind)}, ARRAY[{self.random.randrange(2000)}])::{kind}[]"
        return "ARRAY[" + ", ".join(self.value(name, kind, nulls=2) for _ in range(self.random.randrange(1, 5))) + f"]::{kind}[]"

    def row(self, kind):
        if kind == "public.goes_event" and self.chance(50):
            return f"public.goes_new_event({self.text('')}, {self.jsonb()})"
        return "ROW(" + ", ".join(self.value(name, of) for name, of in self.types[kind]) + f")::{kind}"

    # ---- JSON

    def jsonb(self):
        draw = self.random.random()
        if draw < 0.45:
            return quote(json.dumps(self.events())) + "::jsonb"
        if draw < 0.5:
            depth = self.one_of((10, 1000, DEEPEST))
            opening, closing = self.one_of((("[", "]"), ('{"a":', "}")))
            return f"(repeat({quote(opening)}, {depth}) || '1' || repeat({quote(closing)}, {depth}))::jsonb"
        if draw < 0.55:
            return self.one_of(NUMBERS) + "::jsonb"
        if draw < 0.57:
            return f"to_jsonb(repeat({quote(self.one_of(NAMES))}, {self.random.randrange(HUGE)}))"
        return quote(json.dumps(self.json(3))) + "::jsonb"

    def json(self, depth):
        """Any JSON."""
        draw = self.random.randrange(9 if depth > 0 else 6)
        if draw < 4:
            return self.one_of((None, True, False, 0, -1, 1.5, 1e308, 2**63, -2**64, "", "a", "\u0000"[:0], "\U0001f600"))
        if draw < 6:
            return self.one_of(NAMES + IDS)
        if draw < 8:
            return [self.json(depth - 1) for _ in range(self.random.randrange(4))]
        return {self.one_of(NAMES): self.json(depth - 1) for _ in range(self.random.randrange(4))}

    def events(self):
        """What goes_events_from_json reads, with something odd here and there."""
        events = [self.event() for _ in range(self.random.randrange(5))]
        return events if self.chance(80) else self.one_of(events + [{}])

    def event(self):
        usual = {"name": self.one_of(NAMES), "data": self.json(3), "id": self.one_of(IDS), "aggregate_id": self.one_of(IDS),
                 "time": self.one_of(BIGINTS + [str(2**63), "2024-02-30T00:00:00Z", "2024-01-01T00:00:00+99:99", "1"]),
                 "aggregate_name": self.one_of(NAMES), "aggregate_version": self.one_of(INTEGERS)}
        event = {"name": "a"} | {key: value for key, value in usual.items() if self.chance(40)}
        if self.chance(10):
            event[self.one_of(list(usual) + NAMES)] = self.json(2)
        return event
