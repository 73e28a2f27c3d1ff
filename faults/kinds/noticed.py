"""No fault, but a lie: what the checks after each fault have to notice is done on purpose."""
import time

from cluster import Failure
from load import Load

SECONDS_OF_LOAD = 3


def run(run):
    cluster = run.cluster()
    load = run.loads(Load(run, cluster)).start()
    time.sleep(SECONDS_OF_LOAD)
    load.come_to_rest()
    load.check()
    for name, spoil, mend, text in lies(load):
        spoil()
        try:
            load.check()
        except Failure as failure:
            if text not in str(failure):
                raise Failure(f"{name}: the check says: {failure}") from failure
            run.say(name)
        else:
            raise Failure(f"{name}: nobody notices")
        mend()
        load.check()
    load.finish()


def lies(load):
    """What is done, how it is mended, and what the check has to say."""
    sql, store = load.cluster.run, load.store
    batch = sql(f"SELECT data->>'batch' FROM {store} "
                "WHERE data->>'batch' LIKE 'insert%' AND (data->>'of')::int > 2 LIMIT 1")[0][0]
    whole = f"data->>'batch' = '{batch}'"
    sql(f"CREATE TABLE saved AS SELECT * FROM {store} WHERE {whole}")
    back = (f"DELETE FROM {store} WHERE {whole}; "
            f"INSERT INTO {store} OVERRIDING SYSTEM VALUE SELECT * FROM saved")
    refused = next(iter(load.ledger.entries))
    got = load.reader.got
    made = next(name for name, is_there in load.creator.there.items() if is_there)
    feeds = load.alterer.said.get("feed")

    def say(batch, said):
        load.ledger.entries[batch].said = said

    def show(position):
        got.insert(5, position)

    return [
        ("an acknowledged batch is lost", lambda: sql(f"DELETE FROM {store} WHERE {whole}"), lambda: sql(back), "the feed"),
        ("so it is where nobody reads", lambda: (sql(f"DELETE FROM {store} WHERE {whole}"), hide(got, load)),
         lambda: (sql(back), unhide(got, load)), f"{batch} was acknowledged, and is lost"),
        ("half a batch", lambda: (sql(f"DELETE FROM {store} WHERE {whole} AND data->>'n' = '0'"), hide(got, load)),
         lambda: (sql(back), unhide(got, load)), f"{batch} has"),
        ("a refused batch is stored", lambda: say(refused, "absent"), lambda: say(refused, "stored"), "was refused, and is stored"),
        ("an event is read twice", lambda: show(got[4]), lambda: got.pop(5), "the feed"),
        ("events are read in another order", got.reverse, got.reverse, "the feed"),
        ("an effect takes place twice", lambda: sql(f"INSERT INTO {load.effects} SELECT min(position) FROM {load.effects}"),
         lambda: sql(f"DELETE FROM {load.effects} WHERE ctid IN "
                     f"(SELECT max(ctid) FROM {load.effects} GROUP BY position HAVING count(*) > 1)"), "more than one effect"),
        ("an index is missing", lambda: sql("ALTER INDEX goes_time RENAME TO gone; DROP INDEX gone"),
         lambda: sql(f"SELECT goes_create_store('{store}')"), "goes_check_store"),
        ("an index lacks a row", lambda: sql(NOT_INDEXED.format(table=load.effects)),
         lambda: sql("DROP INDEX effects_index; DELETE FROM " + load.effects + " WHERE position = -1"), "lacks matching index tuple"),
        ("a store is gone", lambda: sql(f"ALTER TABLE {made} RENAME TO aside"), lambda: sql(f"ALTER TABLE aside RENAME TO {made}"),
         "against what was acknowledged"),
        ("a feed is not as it was switched", lambda: load.alterer.said.update(feed=not feeds),
         lambda: load.alterer.said.update(feed=feeds), "was acknowledged"),
    ]


def hide(got, load):
    """Has the reader agree with what is stored."""
    load.hidden = list(got)
    got[:] = [row[0] for row in load.cluster.run(f"SELECT position FROM {load.store} ORDER BY position")]


def unhide(got, load):
    got[:] = load.hidden


NOT_INDEXED = """
CREATE INDEX effects_index ON {table} (position);
UPDATE pg_index SET indisready = false WHERE indexrelid = 'effects_index'::regclass;
INSERT INTO {table} VALUES (-1);
UPDATE pg_index SET indisready = true WHERE indexrelid = 'effects_index'::regclass"""
