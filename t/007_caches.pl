# Every function answers the same on a server that frees whatever it may of its caches at every
# look-up in the catalogs. PostgreSQL does that only if it was built with assertions.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
# counts the calls that return
$node->append_conf('postgresql.conf', 'track_functions = all');
$node->start;

if ($node->psql('postgres', 'SET debug_discard_caches = 1') != 0)
{
    plan skip_all => 'this server was built without assertions, and cannot discard its caches';
}

my $order = q{'019a0000-0000-7000-8000-00000000000a'};
my $other = q{'019a0000-0000-7000-8000-00000000000b'};
my $references = "ARRAY[('order', $order), ('order', $other), ('invoice', NULL)]::goes_aggregate_ref[]";
my $script = qq{
    -- stores, and what is wrong with tables that are none
    SELECT goes_create_store(), goes_create_store('second'), goes_create_snapshot_store(), goes_create_model_store();
    SELECT goes_create_store();
    CREATE TABLE odd (id text PRIMARY KEY DEFAULT 'x', name varchar(20) NOT NULL, "time" timestamptz, data json, aggregate_version bigint GENERATED ALWAYS AS IDENTITY);
    INSERT INTO odd (name) VALUES ('x');
    SELECT * FROM goes_check_store('odd');
    SELECT goes_insert_batch('{}', 'odd');
    CREATE TABLE bare AS SELECT * FROM events;
    SELECT * FROM goes_check_store('bare');
    SELECT goes_alter_store('bare', 'sequential');
    SELECT goes_create_store('bare');
    ALTER TABLE bare ADD PRIMARY KEY (id);
    SELECT goes_create_store('bare');
    SELECT * FROM goes_check_store('bare');
    SELECT * FROM goes_check_store('missing');
    CREATE TABLE keyed (LIKE bare, number integer PRIMARY KEY);
    SELECT * FROM goes_check_store('keyed');

    -- guards: on, damaged in every way, put right, and off
    SELECT goes_alter_store(NULL, 'increasing', true);
    SELECT goes_alter_store(NULL, 'sequential');
    SELECT goes_alter_store('second', 'sequential', true), goes_alter_store('bare', 'increasing', true);
    SELECT * FROM goes_check_store();
    ALTER TABLE second DISABLE TRIGGER goes_append_only;
    ALTER TABLE second ENABLE REPLICA TRIGGER goes_validate_versions;
    ALTER TRIGGER goes_append_only ON bare RENAME TO mine;
    CREATE TABLE heir () INHERITS (bare);
    SELECT * FROM goes_check_store('second');
    SELECT * FROM goes_check_store('bare');
    SELECT goes_alter_store('second', 'increasing', true);
    SELECT goes_alter_store('bare', 'off', false), goes_alter_store('second', NULL, false);
    SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgname LIKE 'goes%' ORDER BY 1, 2;

    -- writing, with the guards on
    SELECT goes_append('order', $order, ARRAY[goes_new_event('placed', '{"total": 3}', "time" => 1)], 0);
    SELECT goes_append('order', $order, ARRAY[goes_new_event('paid', "time" => 2), goes_new_event('shipped', "time" => 3)], 1);
    SELECT goes_append('order', $order, ARRAY[goes_new_event('paid')], 1);
    SELECT * FROM goes_append_each(ARRAY[('order', $order, ARRAY[goes_new_event('rated', "time" => 3)], 3), ('order', $order, ARRAY[goes_new_event('late')], 1)]::goes_append_item[]);
    SELECT goes_append('order', $other, goes_events_from_json('[{"name": "placed", "time": "4", "data": {"total": 5}}]'));
    SELECT goes_insert_batch(ARRAY[goes_new_event('x', NULL, 'order', $other, 7)]);
    SELECT goes_insert_batch(ARRAY[goes_new_event('x', NULL, 'order', $other, 2, "time" => 5), goes_new_event('y', "time" => 6)]);
    SELECT goes_insert_batch(ARRAY[goes_new_event('x', NULL, 'order', $other, 2)]);
    SELECT goes_append_json('order', $other, '[{"name": "sent", "time": "2026-11-28T20:00:00Z"}, {"name": "got", "time": 8}]');
    SELECT goes_insert_json('{"name": "z", "time": 9}');
    DELETE FROM events;
    SET goes_store.allow_changes = on;
    UPDATE events SET name = 'z' WHERE name = 'y';
    RESET goes_store.allow_changes;
    SELECT goes_aggregate_version('order', $order), goes_aggregate_version('order', $order, 'second');

    -- reading
    SELECT name, "time", data FROM goes_query(sort => '{time desc}');
    SELECT name FROM goes_query(names => '{placed,x}', times => '{1,5}', time_min => 1, time_max => 9, time_ranges => '{"[1,3)","[5,6)"}',
        aggregate_names => '{order}', aggregate_ids => ARRAY[$order, $other]::uuid[], aggregate_versions => '{1,2}', version_min => 1, version_max => 5,
        version_ranges => '{"[1,2]","[2,)"}', aggregates => $references, sort => '{aggregate_id,aggregate_version}', max_events => 5);
    SELECT goes_count(), goes_count(names => '{placed}'), goes_count(aggregates => $references);
    SELECT count(*) FROM events, goes_find(events.id) AS found;
    SELECT aggregate_version, name, data FROM goes_history('order', $order);
    SELECT aggregate_version, name, data FROM goes_history('order', $other, 1, 5, 1);
    BEGIN;
    SELECT goes_query_cursor(sort => '{time}', portal => 'p');
    MOVE 2 IN p;
    SELECT name FROM pg_cursors;
    COMMIT;

    -- snapshots, loading and models
    SELECT goes_snapshot_save('order', $order, n, convert_to('s' || n, 'UTF8'), n) FROM generate_series(1, 3) AS n;
    SELECT aggregate_version, state FROM goes_snapshot_latest('order', $order);
    SELECT aggregate_version, state FROM goes_snapshot_version('order', $order, 2);
    SELECT aggregate_version, state FROM goes_snapshot_limit('order', $order, 2);
    SELECT aggregate_version, state FROM goes_snapshot_query(aggregates => $references, sort => '{time desc}');
    SELECT goes_snapshot_delete('order', $order, 3);
    SELECT aggregate_version, state, name FROM goes_load('order', $order);
    SELECT goes_snapshot_prune(1);
    SELECT goes_model_save('m', '{"n": 1}'), goes_model_lock('m'), goes_model_lock('new', '2'), goes_model_fetch('m'), goes_model_delete('m');

    -- the feed: on, followed, held back, rewound, and off
    SELECT goes_alter_store(feed => true);
    SELECT * FROM goes_check_store();
    SELECT position, name FROM goes_feed(max_events => 2);
    SELECT position, name FROM goes_feed(2, after_id => (SELECT id FROM events WHERE position = 2), names => '{x,y}', aggregates => $references);
    SELECT position, name FROM goes_feed(2, after_id => $order);
    SELECT length(page) FROM goes_feed_page(2, after_id => (SELECT id FROM events WHERE position = 2), aggregates => $references) AS page;
    SELECT length(goes_feed_page(2, after_id => $order));
    BEGIN;
    INSERT INTO events (id, name, "time") VALUES ($other, 'held', 1);
    SELECT gid, state FROM goes_feed_writers();
    SELECT goes_feed_position(wait_ms => 1);
    COMMIT;
    SELECT goes_feed_position(wait_ms => 1) - max(position), goes_feed_settle() - max(position) FROM events;
    SELECT goes_feed_position((SELECT max(position) FROM events), wait_ms => 10) - max(position) FROM events;
    SELECT goes_feed_position(store => 'second');
    BEGIN;
    SET LOCAL goes_store.allow_changes = on;
    TRUNCATE events RESTART IDENTITY;
    SELECT goes_feed_position();
    ROLLBACK;
    SELECT setval('events_position_seq', 1, false);
    SELECT goes_feed_position();
    SELECT * FROM goes_check_store();
    SELECT goes_alter_store(feed => true);
    SELECT goes_feed_position() - max(position) FROM events;
    SELECT goes_alter_store(feed => false);

    -- a subscription: its events claimed, done, failed, parked, and given up
    SELECT goes_create_store('followed'), goes_create_subscription_store(), goes_create_subscription_store();
    SELECT goes_insert_batch(ARRAY(
        SELECT goes_new_event('e', to_jsonb(n), 'order', $order, n, "time" => n) FROM generate_series(4, 1, -1) AS n), 'followed');
    SELECT goes_alter_store('followed', feed => true);
    SELECT goes_subscribe('s', partitions => 1, names => '{e,f}', aggregates => $references, max_attempts => 1, events => 'followed');
    SELECT epoch, position, attempts, data FROM goes_claim('s', 'w', 9, lease_ms => 3600000, wait_ms => 1);
    SELECT epoch, position, attempts, data FROM goes_claim('s', 'other', 9, wait_ms => 1);
    SELECT goes_renew('s', 0, 1, lease_ms => 3600000);
    SELECT goes_done('s', 0, 1, '{1}', '{2}', '{broken}');
    SELECT position, attempts, error, waiting FROM goes_parked('s');
    SELECT subscription, partition, position, behind, worker, retrying, parked FROM goes_subscription_lag();
    SELECT goes_unpark('s');
    SELECT epoch, position, attempts, data FROM goes_claim('s', 'w', 9, lease_ms => 3600000);
    SELECT goes_release('s', 0, 2);
    SELECT epoch, position, attempts, data FROM goes_claim('s', 'w', 1, lease_ms => 3600000);
    SELECT goes_done('s', 0, 3, failed => '{2}');
    SELECT goes_skip('s', '{2}');
    SELECT epoch, position, attempts, data FROM goes_claim('s', 'w', 9, lease_ms => 3600000);
    SELECT goes_done('s', 0, 4, '{3,4}');
    SELECT goes_done('s', 0, 4, '{3,4}');
    SELECT goes_rewind('s', 1);
    SELECT goes_alter_store('followed', feed => false);
    SELECT epoch, position FROM goes_claim('s', 'w', 1);
    SELECT subscription, partition, position, behind FROM goes_subscription_lag();
    SELECT * FROM goes_check_store('followed');
    SELECT goes_unsubscribe('s');

    -- removing, and the rest
    SELECT goes_delete(ARRAY(SELECT id FROM events));
    SELECT goes_alter_store(append_only => false);
    SELECT goes_delete(ARRAY(SELECT id FROM events));
    SELECT goes_now() > 0, goes_time('2026-01-01Z'), goes_timestamp(0) = 'epoch', goes_uuid_v7() IS NOT NULL;
    SELECT pg_stat_force_next_flush();
};

sub answers
{
    my ($name, $discard) = @_;
    my ($stdout, $stderr);

    $node->safe_psql('postgres', "CREATE DATABASE $name");
    $node->safe_psql($name, 'CREATE EXTENSION goes_store');
    $node->psql(
        $name, "SET debug_discard_caches = $discard;\n$script",
        stdout => \$stdout,
        stderr => \$stderr,
        on_error_stop => 0,
        timeout => 20 * $PostgreSQL::Test::Utils::timeout_default);
    $stderr =~ s/^psql:<stdin>:\d+: //mg;
    return ($stdout, $stderr);
}

my ($expected, $expected_errors) = answers('plain', 0);
my ($found, $errors) = answers('discarding', 1);
is($found, $expected, 'every function answers as ever');
is($errors, $expected_errors, 'and so does every error');

# The planner asks the support function of each function that it plans, and nobody counts that.
my $uncalled = $node->safe_psql(
    'discarding', q{
    WITH called AS (
        SELECT pg_proc.oid, prosupport::oid FROM pg_proc, pg_stat_user_functions WHERE pg_proc.oid = funcid AND calls > 0)
    SELECT objid::regprocedure FROM pg_depend, pg_extension
    WHERE classid = 'pg_proc'::regclass AND refclassid = 'pg_extension'::regclass AND refobjid = pg_extension.oid
      AND extname = 'goes_store' AND objid NOT IN (SELECT oid FROM called UNION SELECT prosupport FROM called)});
is($uncalled, '', 'every function was called, and returned');
like($expected_errors, qr/append-only.*version conflict|version conflict.*append-only/s, 'and the triggers of the guards raised their errors');
unlike($expected_errors, qr/syntax error|does not exist$/m, 'no call was wrong in itself');

$node->stop;
done_testing();
