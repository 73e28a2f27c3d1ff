"""The tables that generated calls are about, and DDL that comes in between."""

# What there is for calls to meet; each statement may fail, since others have changed what it is about.
STAGE = [
    "CREATE SCHEMA odd",
    "SELECT goes_create_store('events')",
    "SELECT goes_create_store('fed')",
    "SELECT goes_alter_store('fed', feed => true)",
    "SELECT goes_create_store('guarded')",
    "SELECT goes_alter_store('guarded', validate_versions => 'sequential', append_only => true)",
    "SELECT goes_create_store('odd.\"Odd Name\"')",
    "SELECT goes_create_snapshot_store()",
    "SELECT goes_create_model_store()",
    "SELECT goes_create_subscription_store()",
    "SELECT goes_subscribe('all', partitions => 3, events => 'fed')",
    "SELECT goes_subscribe('some', partitions => 1, names => '{a}', max_attempts => 1, events => 'fed')",
    "CREATE VIEW a_view AS SELECT * FROM events",
    "CREATE TABLE parted (LIKE events) PARTITION BY LIST (name)",
    "CREATE SEQUENCE sequence",
    "CREATE TEMPORARY TABLE temporary (LIKE events INCLUDING ALL)",
    "CREATE ROLE plain",
    "GRANT USAGE ON SCHEMA odd, public TO plain",
    "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO plain",
]

TABLES = ("events", "fed", "guarded", "snapshots", "models", "subscriptions", "subscriptions_partitions",
          "subscriptions_retries", "new1", "new2", "temporary", "odd.\"Odd Name\"", "fed_feed")

# {table} is any of them, {column} any of their columns.
STATEMENTS = [
    "ALTER TABLE {table} ADD COLUMN more integer",
    "ALTER TABLE {table} ADD COLUMN IF NOT EXISTS more text DEFAULT 'x'",
    "ALTER TABLE {table} DROP COLUMN IF EXISTS more",
    "ALTER TABLE {table} DROP COLUMN {column} CASCADE",
    "ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL",
    "ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT NULL",
    "ALTER TABLE {table} ALTER COLUMN {column} TYPE text USING NULL",
    "ALTER TABLE {table} RENAME TO aside",
    "ALTER TABLE aside RENAME TO {table}",
    "ALTER TABLE {table} RENAME COLUMN {column} TO renamed",
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE {table} SET UNLOGGED",
    "ALTER TABLE {table} SET LOGGED",
    "ALTER TABLE {table} SET SCHEMA odd",
    "ALTER TABLE {table} DISABLE TRIGGER USER",
    "ALTER TABLE {table} ENABLE TRIGGER USER",
    "ALTER TABLE {table} ADD CONSTRAINT odd CHECK ({column} IS NOT NULL) NOT VALID",
    "ALTER TABLE {table} DROP CONSTRAINT IF EXISTS odd",
    "ALTER SEQUENCE fed_position_seq CACHE 5",
    "ALTER SEQUENCE fed_position_seq CACHE 1",
    "SELECT setval('fed_position_seq', 1)",
    "CREATE INDEX ON {table} ({column})",
    "DROP INDEX IF EXISTS {table}_pkey CASCADE",
    "DROP INDEX IF EXISTS goes_aggregate, goes_position",
    "REINDEX TABLE {table}",
    "VACUUM {table}",
    "VACUUM (FREEZE) {table}",
    "ANALYZE {table}",
    "TRUNCATE {table}",
    "TRUNCATE {table} RESTART IDENTITY CASCADE",
    "DELETE FROM {table}",
    "UPDATE {table} SET {column} = NULL",
    "UPDATE {table} SET {column} = DEFAULT",
    "DROP TABLE {table} CASCADE",
    "DROP TABLE IF EXISTS {table}, aside CASCADE",
    "CREATE TRIGGER odd BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE TRIGGER odd AFTER INSERT OR UPDATE OR TRUNCATE ON {table} EXECUTE FUNCTION {trigger}()",
    "CREATE TRIGGER odd BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {trigger}('a', '1')",
    "CREATE TRIGGER odd AFTER INSERT ON {table} REFERENCING NEW TABLE AS rows FOR EACH STATEMENT "
    "EXECUTE FUNCTION {trigger}()",
    "DROP TRIGGER IF EXISTS odd ON {table}",
    "CREATE RULE odd AS ON INSERT TO {table} DO INSTEAD NOTHING",
    "DROP RULE IF EXISTS odd ON {table}",
    "CREATE TABLE heir () INHERITS ({table})",
    "DROP TABLE IF EXISTS heir",
    "REVOKE ALL ON {table} FROM plain",
    "GRANT ALL ON {table} TO plain",
    "COMMENT ON TABLE {table} IS 'x'",
    "LOCK TABLE {table}",
    "DISCARD PLANS",
    "DISCARD TEMP",
]

COLUMNS = ("id", "name", '"time"', "aggregate_id", "aggregate_name", "aggregate_version", "data", "position", "epoch", "state", "model",
           "batch", "worker", "partition", "settled_id", "rewound")


def statement(random, triggers):
    return random.choice(STATEMENTS).format(table=random.choice(TABLES), column=random.choice(COLUMNS),
                                            trigger=random.choice(triggers))
