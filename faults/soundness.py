"""What has to be true after a fault, each asked by a session."""
import psycopg2

from cluster import Failure
from ledger import compare

# Batches by the name that their events say.
BATCHES = """
SELECT data->>'batch', count(*), count(DISTINCT data->>'n'), min((data->>'of')::integer), max(aggregate_version)
FROM {table} WHERE name = 'fault.stored' GROUP BY 1"""

TABLES = """
SELECT c.oid::regclass FROM pg_class AS c
WHERE c.relkind IN ('r', 't') AND c.relnamespace IN ('public'::regnamespace, 'pg_toast'::regnamespace)
AND c.oid >= 16384 AND c.relpersistence <> 't'"""

INDEXES = """
SELECT c.oid::regclass FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_am AS a ON a.oid = c.relam AND a.amname = 'btree'
WHERE c.relnamespace IN ('public'::regnamespace, 'pg_toast'::regnamespace) AND c.oid >= 16384 AND i.indisvalid"""


def require(problems, what):
    if problems:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise Failure(f"{what}: " + "; ".join(map(str, problems[:5])) + more)


def check_ledger(session, table, ledger):
    """Everything acknowledged is there once, and of each batch all or nothing."""
    told = ledger.told()
    found = {row[0]: row[1:] for row in session.run(BATCHES.format(table=table))}
    require(compare(told, found), f"the ledger of {table}")
    return sum(count for count, said, _ in told.values() if said == "stored")


def check_versions(session, table):
    """Appends leave no gap."""
    rows = session.run(f"SELECT aggregate_name, aggregate_id FROM {table} WHERE aggregate_id IS NOT NULL "
                       "GROUP BY 1, 2 HAVING count(*) <> max(aggregate_version) OR min(aggregate_version) <> 1")
    require(rows, f"aggregates of {table} with gaps")


def check_store(session, table):
    require(session.run("SELECT problem FROM goes_check_store(%s)", [table]), f"goes_check_store of {table}")


def check_pages(session):
    """amcheck: every table, and every index with every row of its table."""
    require(session.run(f"SELECT r.*, t FROM ({TABLES}) AS t (t), verify_heapam(t) AS r"), "verify_heapam")
    try:
        session.run(f"SELECT bt_index_check(i, true) FROM ({INDEXES}) AS i (i)")
    except (psycopg2.errors.DataCorrupted, psycopg2.errors.IndexCorrupted) as error:
        raise Failure(f"bt_index_check: {error}") from error


def check_reader(session, reader):
    """A reader got every event up to its cursor once, in order."""
    got, cursor = list(reader.got), reader.got[-1] if reader.got else 0
    stored = [row[0] for row in session.run(f"SELECT position FROM {reader.table} WHERE position <= %s ORDER BY position",
                                            [cursor])]
    if got == stored:
        return
    missed, invented = set(stored) - set(got), set(got) - set(stored)
    raise Failure(f"the feed of {reader.table}: {len(got)} events of {len(stored)}; missed {sorted(missed)[:5]}, "
                  f"never stored {sorted(invented)[:5]}, in order: {got == sorted(set(got))}")


def check_effects(session, effects):
    rows = session.run(f"SELECT position FROM {effects} GROUP BY position HAVING count(*) > 1")
    require(rows, "events with more than one effect")


def check_creator(session, creator):
    """A store that was created is there and sound, one that was dropped is gone, and one in doubt is either."""
    rows = session.run("SELECT name FROM unnest(%s) AS name WHERE to_regclass(name) IS NOT NULL", [creator.names])
    found = {row[0] for row in rows}
    for name, is_there in creator.there.items():
        if is_there is not None and is_there != (name in found):
            raise Failure(f"the store {name} is {'there' if name in found else 'missing'}, against what was acknowledged")
    for name in found:
        check_store(session, name)


def check_alterer(session, alterer):
    said = alterer.said
    row = session.run("""
        SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = t AND attname = 'position' AND NOT attisdropped),
            EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t AND tgname LIKE 'goes_append_only%%'),
            (SELECT count(*) FROM pg_trigger WHERE tgrelid = t AND tgname LIKE 'goes_validate%%') > 0
        FROM CAST(%s AS regclass) AS t""", [alterer.table])[0]
    switched = said.get("validate_versions")
    wanted = (said.get("feed"), said.get("append_only"), None if switched is None else switched != "off")
    for name, found, value in zip(("feed", "append_only", "validate_versions"), row, wanted):
        if value is not None and value != found:
            raise Failure(f"{alterer.table}: {name} is {found}, but {value} was acknowledged")
    check_store(session, alterer.table)
    check_ledger(session, alterer.table, alterer.ledger)
