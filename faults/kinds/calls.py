"""Generated calls of every function of the extension, with DDL beside them."""
import statistics
import threading
import time
from collections import Counter, deque

import psycopg2

import ddl
from cluster import Failure
from session import Session
from values import DEEPEST, IDS, Values

SHORT_CALLS = 5000
REBUILT_EVERY = 1000  # calls: what DDL has spoiled is made anew
SAMPLED_EVERY = 1000
MEASURED_AFTER = 0.3  # of the calls: by then the caches are warm
MOST_GROWTH = 1.3
GROWTH_ALLOWED = 4 << 20
MODES = ("", "", "ISOLATION LEVEL REPEATABLE READ", "ISOLATION LEVEL SERIALIZABLE", "READ ONLY")
REPORTED = 6  # statements that are shown after a failure

FUNCTIONS = """
SELECT p.proname, p.prokind = 'p', format_type(p.prorettype, NULL) = 'trigger', p.pronargdefaults,
    coalesce(p.proargnames[:p.pronargs], '{}'),
    ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (t, n) ORDER BY n)
FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'goes_store' ORDER BY 1, 6"""

TYPES = """
SELECT format_type(t.oid, NULL), ARRAY(SELECT ARRAY[attname::text, format_type(atttypid, NULL)] FROM pg_attribute
    WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped ORDER BY attnum)
FROM pg_type AS t JOIN pg_depend AS d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'goes_store' WHERE t.typtype = 'c'"""

# What PostgreSQL itself says to DDL that meets other DDL, by XX000.
POSTGRES_OWN = ("tuple concurrently updated", "tuple concurrently deleted")

# What is as large as it can be, and larger: what it has to answer, a value or an SQLSTATE.
MB = 1 << 20
EXTREMES = [
    (f"SELECT goes_insert_json(jsonb_build_object('name', 'large', 'data', repeat('x', {255 * MB})))", 1),
    (f"SELECT goes_append_json('large', '{IDS[1]}', "
     f"jsonb_build_object('name', 'large', 'data', repeat('x', {255 * MB})))", 1),
    (f"SELECT octet_length(data #>> '{{}}') FROM goes_history('large', '{IDS[1]}')", 255 * MB),
    (f"SELECT goes_insert_json(jsonb_build_object('name', 'large', 'data', repeat('x', {257 * MB})))", "54000"),
    (f"SELECT goes_model_save('large', to_jsonb(repeat('x', {255 * MB})))", ""),
    ("SELECT octet_length(goes_model_fetch('large') #>> '{}')", 255 * MB),
    (f"SELECT goes_insert_json(jsonb_build_object('name', 'deep', 'data', "
     f"(repeat('[', {DEEPEST}) || repeat(']', {DEEPEST}))::jsonb))", 1),
    (f"SELECT length(data::text) FROM goes_query(names => '{{deep}}')", 2 * DEEPEST),
    ("SELECT goes_insert_json('[{\"name\": \"n\", \"data\": [1e400, -1e131071, 1e-16383, 123456789012345678901234567890.5]}]')", 1),
    ("SELECT data->>3 FROM goes_query(names => '{n}')", "123456789012345678901234567890.5"),
    ("SELECT goes_insert_json('{\"name\": \"n\", \"data\": 1e999999}')", "22003"),
    ("SELECT goes_insert_json('{\"name\": \"n\", \"time\": 1e400}')", "22003"),
    ("SELECT goes_insert_json('{\"name\": \"n\", \"aggregate_version\": 1e400}')", "22003"),
    (f"SELECT goes_count(names => array_fill('x'::text, ARRAY[{MB}]))", 0),
    (f"SELECT goes_insert_batch(array_fill(NULL::goes_event, ARRAY[{MB}]))", "22004"),
]

MEMORY = "SELECT name, sum(total_bytes)::bigint FROM pg_backend_memory_contexts GROUP BY name"


class Caller:
    """Makes the calls, one after the other, in one session as long as that lives."""

    def __init__(self, run, cluster):
        self.run, self.cluster, self.random = run, cluster, run.generator()
        self.session = Session(cluster, "caller")
        self.functions = cluster.run("SET search_path = ''; " + FUNCTIONS)
        self.triggers = [f[0] for f in self.functions if f[2]]
        types = cluster.run("SET search_path = ''; " + TYPES)
        self.values = Values(self.random, {name: [tuple(pair) for pair in attributes] for name, attributes in types})
        self.last = deque(maxlen=REPORTED)
        self.calls, self.succeeded, self.sessions = Counter(), Counter(), 0
        self.sqlstates, self.memory = Counter(), []

    def execute(self, sql):
        """Runs a statement, which may fail with anything but an internal error. Tells whether it succeeded."""
        self.last.append(sql)
        try:
            self.session.run(sql, wants_rows=False)  # which the driver might not be able to read
            return True
        except psycopg2.Error as error:
            self.judge(error)
            return False

    def judge(self, error):
        self.sqlstates[error.pgcode or "lost"] += 1
        if error.pgcode is None:
            raise Failure(f"the server is gone: {error}")
        if error.pgcode.startswith("XX") and not any(text in str(error) for text in POSTGRES_OWN):
            raise Failure(f"{error.pgcode}: {error}")

    def set_stage(self):
        self.session.roll_back()
        for sql in ["RESET ROLE", "RESET ALL", "SET client_min_messages = error", "SET statement_timeout = '300ms'",
                    "SET lock_timeout = '100ms'", "SET search_path = public, odd", *ddl.STAGE]:
            self.execute(sql)
        for setting in self.random.sample(SETTINGS, 2):
            self.execute(setting)

    # ---- A call

    def call(self):
        name, is_procedure, is_trigger, defaults, names, types = self.random.choice(self.functions)
        required = len(types) - defaults
        arguments = []
        for place, (argument, kind) in enumerate(zip(list(names) or [""] * len(types), types)):
            if place < required or self.random.random() < min(0.8, 3 / len(types) + 0.1):
                value = self.values.argument(name, argument, kind)
                arguments.append(f'"{argument}" => {value}' if argument else value)
        text = f"public.{name}({', '.join(arguments)})"
        self.calls[name] += 1
        succeeded = self.execute(self.framed(text, is_procedure))
        self.succeeded[name] += succeeded
        return succeeded

    def framed(self, text, is_procedure):
        if is_procedure:
            return f"CALL {text}"
        frame = self.random.randrange(20)
        if frame < 11:
            return f"SELECT * FROM {text} AS r LIMIT 20"
        if frame < 15:
            return f"SELECT {text} LIMIT 20"
        if frame == 15:
            return f"EXPLAIN SELECT * FROM {text} AS r"
        if frame == 16:
            return f"SELECT {text} FROM generate_series(1, 3) LIMIT 20"
        if frame == 17:
            return f"SELECT r FROM (VALUES (1), (2)) AS v CROSS JOIN LATERAL {text} AS r LIMIT 3"
        if frame == 18:
            return (f"DO $do$ BEGIN PERFORM {text}; EXCEPTION WHEN OTHERS THEN "
                    "IF SQLSTATE LIKE 'XX%' THEN RAISE; END IF; END $do$")
        return f"DECLARE held CURSOR WITH HOLD FOR SELECT {text}; FETCH 5 FROM held; CLOSE held"

    def turn(self):
        """A call, or a transaction of several, or DDL."""
        draw = self.random.random()
        if draw < 0.85:
            self.call()
        elif draw < 0.93:
            self.execute(ddl.statement(self.random, self.triggers))
        else:
            self.transaction()

    def transaction(self):
        self.execute("BEGIN " + self.random.choice(MODES))
        if self.random.random() < 0.3:
            self.execute("SET LOCAL ROLE plain")
        for _ in range(self.random.randrange(1, 6)):
            self.execute("SAVEPOINT s")
            if not self.call() or self.random.random() < 0.3:
                self.execute("ROLLBACK TO s")
        self.execute(self.random.choice(("COMMIT", "ROLLBACK")))

    def sample_memory(self):
        self.session.roll_back()
        self.session.run("RESET ROLE")
        self.memory.append(dict(self.session.run(MEMORY)))


SETTINGS = [
    "SET goes_store.default_store = 'fed'", "SET goes_store.default_store = 'missing'", "SET goes_store.allow_changes = on",
    "SET search_path = odd", "SET search_path = ''", "SET enable_seqscan = off", "SET enable_indexscan = off",
    "SET work_mem = '64kB'", "SET plan_cache_mode = force_generic_plan", "SET jit_above_cost = 0",
    "SET ROLE plain", "SET row_security = off", "SET session_replication_role = replica",
    "SET standard_conforming_strings = off", "SET bytea_output = escape", "SET DateStyle = 'German'",
    "SET intervalstyle = 'iso_8601'", "SET TimeZone = 'Asia/Kathmandu'", "SET extra_float_digits = -15",
    "SET default_transaction_isolation = 'repeatable read'", "SET default_transaction_read_only = on",
    "SET synchronous_commit = off", "SET parallel_setup_cost = 0", "SET check_function_bodies = off"]


def alter_beside(cluster, random, triggers, is_over):
    """DDL in a session of its own, now and then."""
    session = Session(cluster, "ddl")
    while not is_over.is_set():
        for sql in ("SET lock_timeout = '200ms'; SET statement_timeout = '2s'; SET client_min_messages = error; "
                    "SET search_path = public, odd",
                    random.choice((*ddl.STAGE, ddl.statement(random, triggers), ddl.statement(random, triggers)))):
            try:
                session.run(sql)
            except psycopg2.Error:
                pass
        time.sleep(0.05)
    session.close()


def run(run):
    cluster = run.cluster(settings={"max_stack_depth": "2MB", "log_min_messages": "fatal"})
    caller = Caller(run, cluster)
    is_over = threading.Event()
    beside = threading.Thread(target=alter_beside, args=(cluster, run.generator(), caller.triggers, is_over), daemon=True)
    most = run.calls or (SHORT_CALLS if run.is_short else None)
    try:
        if not run.is_short:
            try_extremes(caller)
        beside.start()
        make_calls(run, caller, most)
    except Failure as failure:
        raise Failure(f"{failure}\nafter " + "\n".join(sql[:3000] for sql in caller.last)) from failure
    finally:
        is_over.set()
        if beside.ident is not None:
            beside.join()
    report(run, caller)
    check_memory(run, caller.memory)


def try_extremes(caller):
    caller.set_stage()
    caller.session.run("RESET ALL; SET client_min_messages = error")
    for sql, expected in EXTREMES:
        caller.last.append(sql)
        try:
            answer = caller.session.run(sql)[0][0]
        except psycopg2.Error as error:
            answer = error.pgcode or str(error)
        if answer != expected:
            raise Failure(f"{answer} in place of {expected}")
    caller.session.run("TRUNCATE events, models")
    caller.session.close()  # what one large value leaves behind is not what is measured


def make_calls(run, caller, most):
    while caller.calls.total() < most if most else not run.is_over():
        if caller.calls.total() % REBUILT_EVERY < 2:
            caller.set_stage()
        if caller.calls.total() >= len(caller.memory) * SAMPLED_EVERY:
            caller.sample_memory()
            run.say(f"{caller.calls.total()} calls, {sum(caller.memory[-1].values()) / 1e6:.1f} MB")
        caller.turn()
    caller.session.roll_back()


def report(run, caller):
    run.say(f"{caller.calls.total()} calls of {len(caller.calls)} functions, {caller.succeeded.total()} of them successful; "
            f"{dict(caller.sqlstates.most_common(60))}")
    missing = [f[0] for f in caller.functions if f[0] not in caller.calls]
    if missing and caller.calls.total() >= SHORT_CALLS:
        raise Failure(f"never called: {', '.join(missing)}")
    run.say("never successful: " + (", ".join(sorted(name for name in caller.calls if not caller.succeeded[name])) or "none"))


def check_memory(run, samples):
    """The session has no more memory at the end than when its caches were warm."""
    memory = [sum(sample.values()) for sample in samples]
    first = int(len(memory) * MEASURED_AFTER)
    warm = memory[first:]
    half = max(1, len(warm) // 2)
    early, late = max(warm[:half]), statistics.median(warm[half:] or warm)
    run.say(f"memory of the session: {[round(m / 1e6, 1) for m in memory[:: max(1, len(memory) // 20)]]} MB")
    grown = {name: size - samples[first].get(name, 0) for name, size in samples[-1].items()}
    run.say("contexts that grew: " + ", ".join(f"{name} {grown[name]}" for name in sorted(grown, key=grown.get)[:-6:-1]))
    if late > early * MOST_GROWTH + GROWTH_ALLOWED:
        raise Failure(f"the session grew from {early} to {late} bytes")
