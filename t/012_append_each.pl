# Many calls of goes_append_each at once, over the same aggregates, while others append and insert: every
# item has its own true outcome, nobody deadlocks, and a call that is repeated says the same.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
# A transaction locks up to 4 * 16 aggregates, and the calls have up to 100.
$node->append_conf('postgresql.conf', "max_connections = 50\nmax_locks_per_transaction = 16\ndeadlock_timeout = 100ms");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION goes_store;
    SELECT goes_create_store();
    CREATE FUNCTION aggregate(n integer) RETURNS uuid LANGUAGE sql RETURN lpad(n::text, 32, '0')::uuid;

    -- What each item was, and what it got. The ledger is written by another transaction than the call.
    CREATE TABLE ledger (call uuid, item integer, aggregate_id uuid, expected integer, ids uuid[], kind text,
                         version integer, sqlstate text, current_version integer);

    -- Items about random aggregates: most of them expect what is there, some anything, some what is not,
    -- some have an event that a constraint refuses, or one that is stored elsewhere, some cannot be read.
    CREATE PROCEDURE call_each(aggregates integer, most integer) LANGUAGE plpgsql AS $$
    DECLARE
        this uuid := gen_random_uuid();
        items goes_append_item[];
        again text;
    BEGIN
        INSERT INTO ledger (call, item, aggregate_id, expected, ids, kind)
        SELECT this, n, id, CASE kind WHEN 'exact' THEN goes_aggregate_version('raced', id) WHEN 'stale' THEN 1000000 END,
               ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 1 + floor(random() * 3)::integer * (n % 2))), kind
        FROM (SELECT n, aggregate(1 + floor(random() * aggregates)::integer) AS id,
                     (ARRAY['exact', 'exact', 'any', 'any', 'any', 'stale', 'refused', 'taken', 'unreadable'])[1 + floor(random() * 9)::integer] AS kind
              FROM generate_series(1, 1 + floor(random() * most)::integer) AS n) AS items;
        UPDATE ledger AS l SET ids = l.ids || (SELECT id FROM events WHERE aggregate_id <> l.aggregate_id LIMIT 1)
        WHERE call = this AND kind = 'taken' AND EXISTS (SELECT FROM events WHERE aggregate_id <> l.aggregate_id);
        COMMIT;
        SELECT array_agg(ROW(CASE kind WHEN 'unreadable' THEN '' ELSE 'raced' END, aggregate_id,
                             ARRAY(SELECT goes_new_event(CASE kind WHEN 'refused' THEN 'bad' ELSE 'x' END, id => id, "time" => 0) FROM unnest(ids) AS id),
                             expected)::goes_append_item ORDER BY item)
        INTO items FROM ledger WHERE call = this;
        -- once a session: a table for each call would be most of the work
        IF to_regclass('pg_temp.outcomes') IS NULL THEN
            CREATE TEMPORARY TABLE outcomes AS SELECT * FROM goes_append_each(items) WITH NO DATA;
        END IF;
        INSERT INTO outcomes SELECT * FROM goes_append_each(items);
        COMMIT;
        UPDATE ledger SET version = o.aggregate_version, sqlstate = o.sqlstate, current_version = (o.detail -> 'current_version')::integer
        FROM outcomes AS o WHERE call = this AND ledger.item = o.item;
        COMMIT;
        -- once more, as after a lost answer: what was stored is known, and what was not is not stored now
        IF random() < 0.3 THEN
            SELECT string_agg(e.item::text, ' ') INTO again
            FROM goes_append_each(items) AS e JOIN outcomes AS o USING (item)
            WHERE o.sqlstate IS NULL AND e.aggregate_version IS DISTINCT FROM o.aggregate_version;
            IF again IS NOT NULL THEN
                RAISE EXCEPTION 'items % have another outcome when the call is repeated', again;
            END IF;
            ROLLBACK;
        END IF;
        DELETE FROM outcomes;
        COMMIT;
    END
    $$;
    -- A writer that takes no lock.
    CREATE FUNCTION rival(aggregates integer) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        id uuid := aggregate(1 + floor(random() * aggregates)::integer);
    BEGIN
        INSERT INTO events VALUES (gen_random_uuid(), 'rival', 0, id, 'raced', goes_aggregate_version('raced', id) + 1);
    EXCEPTION WHEN unique_violation OR SQLSTATE 'VE001' THEN
        NULL;
    END
    $$;
});

sub deadlocks
{
    return $node->safe_psql('postgres', q{SELECT pg_stat_force_next_flush(); SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'}) =~ s/^\s+//r;
}

# What the ledger says and what is stored, told apart item by item.
my $differences = q{
    SELECT count(*) FROM ledger AS l
    WHERE CASE WHEN l.sqlstate IS NULL AND l.version IS NULL THEN true
               WHEN l.sqlstate IS NULL THEN l.ids IS DISTINCT FROM ARRAY(
                   SELECT id FROM events AS e
                   WHERE e.aggregate_id = l.aggregate_id AND e.aggregate_version > l.version - cardinality(l.ids) AND e.aggregate_version <= l.version
                   ORDER BY aggregate_version)
               ELSE EXISTS (SELECT FROM events AS e WHERE e.id = l.ids[1]) END};

sub race
{
    my ($name, $guard, $feed, $aggregates, $most) = @_;
    my $before = deadlocks();
    $node->safe_psql('postgres', qq{
        TRUNCATE events, ledger;
        ALTER TABLE events DROP CONSTRAINT IF EXISTS no_bad;
        ALTER TABLE events ADD CONSTRAINT no_bad CHECK (name <> 'bad');
        SELECT goes_alter_store(validate_versions => '$guard', feed => $feed)});
    $node->pgbench(
        '--no-vacuum --client=10 --jobs=2 --transactions=30',
        0,
        [qr{actually processed: 300/300}],
        [qr{^$}],
        "$name: ten sessions",
        {
            "$guard each $aggregates $feed\@8" => "CALL call_each($aggregates, $most);",
            "$guard single $aggregates $feed\@1" => "SELECT goes_append('raced', aggregate((1 + floor(random() * $aggregates))::integer), ARRAY[goes_new_event('single'), goes_new_event('single')]);",
            "$guard rival $aggregates $feed\@1" => "SELECT rival($aggregates);",
        });
    is($node->safe_psql('postgres', $differences), '0', "$name: what the outcomes say is what is stored");
    is($node->safe_psql('postgres', q{
        SELECT string_agg(DISTINCT kind || ' ' || sqlstate, ', ' ORDER BY kind || ' ' || sqlstate) FROM ledger
        WHERE sqlstate IS NOT NULL AND (kind, sqlstate) NOT IN (('exact', 'VE001'), ('any', 'VE001'), ('stale', 'VE001'), ('taken', 'VE001'),
            ('refused', '23514'), ('taken', 'VE003'), ('unreadable', '22023'))}), '', "$name: no item has another error");
    is($node->safe_psql('postgres', q{
        SELECT count(*) FILTER (WHERE sqlstate IS NULL) > 100, count(*) FILTER (WHERE kind = 'unreadable' AND sqlstate IS NULL),
               count(*) FILTER (WHERE kind IN ('stale', 'refused') AND sqlstate IS NULL) FROM ledger}), 't|0|0', "$name: what can be stored is, and nothing else");
    is($node->safe_psql('postgres', q{
        SELECT bool_and(newest = stored AND first = 1)
        FROM (SELECT count(*) AS stored, max(aggregate_version) AS newest, min(aggregate_version) AS first
              FROM events GROUP BY aggregate_id) AS aggregates}), 't', "$name: there is no gap");
    is(deadlocks(), $before, "$name: no deadlock");
    return if $feed eq 'false';
    is($node->safe_psql('postgres', q{
        SELECT (SELECT count(*) FROM events), count(DISTINCT id), bool_and(ordered)
        FROM (SELECT id, position > lag(position, 1, 0::bigint) OVER (PARTITION BY aggregate_id ORDER BY aggregate_version) AS ordered
              FROM goes_feed(max_events => 1000000) WHERE name IS NOT NULL) AS feed})
          =~ /^(\d+)\|\1\|t$/, 1, "$name: the feed has all of it, each aggregate in its order");
    return;
}

race('a few aggregates', 'off', 'false', 5, 10);
race('a few aggregates, sequential, with a feed', 'sequential', 'true', 5, 10);
race('a few aggregates, increasing', 'increasing', 'false', 5, 10);
race('more than can be locked', 'off', 'true', 100, 150);
race('more than can be locked, increasing', 'increasing', 'false', 100, 150);

$node->stop;
done_testing();
