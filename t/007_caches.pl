# Every function answers the same on a server that frees whatever it may of its caches at every
# look-up in the catalogs. PostgreSQL does that only if it was built with assertions.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
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
    SELECT goes_append('order', $other, goes_events_from_json('[{"name": "placed", "time": "4", "data": {"total": 5}}]'));
    SELECT goes_insert_batch(ARRAY[goes_new_event('x', NULL, 'order', $other, 7)]);
    SELECT goes_insert_batch(ARRAY[goes_new_event('x', NULL, 'order', $other, 2, "time" => 5), goes_new_event('y', "time" => 6)]);
    SELECT goes_insert_batch(ARRAY[goes_new_event('x', NULL, 'order', $other, 2)]);
    DELETE FROM events;
    SELECT goes_aggregate_version('order', $order), goes_aggregate_version('order', $order, 'second');

    -- reading
    SELECT name, "time", data FROM goes_query(sort => '{time desc}');
    SELECT name FROM goes_query(names => '{placed,x}', times => '{1,5}', time_min => 1, time_max => 9, time_ranges => '{"[1,3)","[5,6)"}',
        aggregate_names => '{order}', aggregate_ids => ARRAY[$order, $other]::uuid[], aggregate_versions => '{1,2}', version_min => 1, version_max => 5,
        version_ranges => '{"[1,2]","[2,)"}', aggregates => $references, sort => '{aggregate_id,aggregate_version}', max_events => 5);
    SELECT goes_count(), goes_count(names => '{placed}'), goes_count(aggregates => $references);
    SELECT count(*) FROM events, goes_find(events.id) AS found;
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

    -- removing, and the rest
    SELECT goes_delete(ARRAY(SELECT id FROM events));
    SELECT goes_alter_store(append_only => false);
    SELECT goes_delete(ARRAY(SELECT id FROM events));
    SELECT goes_now() > 0, goes_time('2026-01-01Z'), goes_timestamp(0) = 'epoch', goes_uuid_v7() IS NOT NULL;
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

my @functions = split /\n/, $node->safe_psql('plain', q{SELECT proname FROM pg_proc WHERE proname LIKE 'goes\_%' AND prorettype <> 'trigger'::regtype});
is_deeply([ grep { $script !~ /\b$_\(/ } @functions ], [], 'every function was called');
like($expected_errors, qr/append-only.*version conflict|version conflict.*append-only/s, 'and the triggers of the guards');
unlike($expected_errors, qr/syntax error|does not exist$/m, 'as it has to be called');

$node->stop;
done_testing();
