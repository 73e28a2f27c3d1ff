# A database with a store is dumped and restored: rows, indexes and extension come back. The
# table is the caller's, so dropping the extension leaves it and its events.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

# What of a store has to come back.
my $rows = 'SELECT count(*), md5(string_agg(e::text, E\'\n\' ORDER BY id)) FROM %s AS e';
my $indexes = q{SELECT indexdef FROM pg_indexes WHERE tablename IN ('events', 'orders', 'snapshots', 'models') ORDER BY 1};
my $triggers = q{SELECT tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 2};
my $comments = q{
    SELECT objoid::regclass, objsubid, description FROM pg_description
    WHERE objoid IN ('events'::regclass, 'orders'::regclass, 'snapshots'::regclass, 'models'::regclass) ORDER BY objoid::regclass::text, objsubid};
my $extension = 'SELECT extname, extversion, extnamespace::regnamespace FROM pg_extension ORDER BY 1';

sub fill
{
    my ($database, $schema) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, qq{
        CREATE SCHEMA IF NOT EXISTS $schema;
        CREATE EXTENSION goes_store SCHEMA $schema;
        SET search_path = public, $schema;
        SELECT goes_create_store(), goes_create_store('orders');
        SELECT goes_insert_batch(ARRAY(
            SELECT goes_new_event('counted', jsonb_build_object('n', n, 'text', E'ä\\\\ "\\n\\t'), 'counter',
                                  lpad((n % 10)::text, 32, '0')::uuid, n)
            FROM generate_series(1, 1000) AS n));
        SELECT goes_insert_batch(ARRAY[goes_new_event('alone')], 'orders');
        SELECT goes_create_snapshot_store(), goes_create_model_store();
        SELECT goes_snapshot_save('counter', lpad((n % 10)::text, 32, '0')::uuid, n, sha512(n::text::bytea) || '\\x005c270a', n)
        FROM generate_series(1, 1000) AS n WHERE n % 10 <> 0;
        SELECT goes_model_save('counter/' || n, jsonb_build_object('text', E'ä\\\\ "\\n\\t')) FROM generate_series(1, 100) AS n;
        CREATE VIEW loaded AS SELECT * FROM goes_load('counter', '00000000-0000-0000-0000-000000000007');
        SELECT goes_alter_store('orders', validate_versions => 'sequential', append_only => true);
        CREATE VIEW recent AS SELECT name, data FROM goes_query(sort => '{time desc}', max_events => 3);
        CREATE MATERIALIZED VIEW counted AS SELECT name, count(*) FROM goes_query(store => 'public.events') GROUP BY name;
        CREATE MATERIALIZED VIEW state AS SELECT *
        FROM goes_load('counter', '00000000-0000-0000-0000-000000000007', snapshots => 'public.snapshots', store => 'public.events');
    });
    return;
}

# Both guards of a store refuse what they are for.
sub guards_hold
{
    my ($database, $store, $schema) = @_;
    my ($result, $output, $error) = $node->psql($database, qq{
            SET search_path = public, $schema;
            \\set VERBOSITY sqlstate
            INSERT INTO $store VALUES (gen_random_uuid(), 'x', 0, gen_random_uuid(), 'order', 2);
            DELETE FROM $store;
            SELECT goes_append('order', gen_random_uuid(), ARRAY[goes_new_event('x')], 0, '$store');},
        on_error_stop => 0);
    like($error, qr/ERROR:  VE001\n.*ERROR:  VE002$/s, "$database: the guards of $store hold");
    is($output, '1', "$database: and $store goes on");
    return;
}

sub same_after_restore
{
    my ($database, $restored, $schema) = @_;
    for my $query (sprintf($rows, 'events'), sprintf($rows, 'orders'), sprintf($rows =~ s/BY id/BY e/r, 'snapshots'),
        sprintf($rows, 'models'), $indexes, $triggers, $comments, $extension, 'TABLE recent', 'TABLE loaded', 'TABLE counted', 'TABLE state')
    {
        is($node->safe_psql($restored, $query), $node->safe_psql($database, $query), "$restored: $query");
    }
    for my $store ('events', 'orders')
    {
        is($node->safe_psql($restored, "SELECT * FROM $schema.goes_check_store('public.$store')"),
            '', "$restored: the store $store is sound");
    }
    guards_hold($restored, 'orders', $schema);
    is( $node->safe_psql($restored, qq{
            SET search_path = public, $schema;
            SELECT goes_insert_batch(ARRAY[goes_new_event('later', NULL, 'counter',
                                                          '00000000-0000-0000-0000-000000000000', 1)]);
            SELECT goes_count(names => '{later}')}),
        "1\n1",
        "$restored: the store goes on");
    is( $node->safe_psql($restored, qq{
            SET search_path = public, $schema;
            SELECT goes_create_snapshot_store(), goes_create_model_store();
            SELECT goes_snapshot_prune(1), goes_model_lock('counter/1', '0') ->> 'text' <> '';}),
        "snapshots|models\n891|t",
        "$restored: so do its snapshots and models");
    my ($result, $output, $error) = $node->psql($restored, qq{
            SET search_path = public, $schema;
            SELECT goes_insert_batch(ARRAY[goes_new_event('twice', NULL, 'counter',
                                                          '00000000-0000-0000-0000-000000000001', 1)])});
    like($error, qr/violates unique constraint "goes_aggregate"/, "$restored: versions are unique");
    return;
}

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';

fill('plain', 'public');
$node->command_ok([ 'pg_dump', '-d', $node->connstr('plain'), '-f', "$dump.sql" ], 'pg_dump, plain text');
$node->safe_psql('postgres', 'CREATE DATABASE plain_restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('plain_restored'), '-f', "$dump.sql" ],
    'restored by psql');
same_after_restore('plain', 'plain_restored', 'public');

# With the extension in a schema of its own, in the archive format, in parallel.
fill('custom', 'es');
$node->command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('custom'), '-f', "$dump.archive" ], 'pg_dump, archive');
$node->safe_psql('postgres', 'CREATE DATABASE custom_restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-j', '2', '-d', $node->connstr('custom_restored'), "$dump.archive" ],
    'restored by pg_restore');
same_after_restore('custom', 'custom_restored', 'es');

# A materialized view that leaves its store to search_path cannot be filled by a restore, which has none.
my ($filled, $no_output, $complaint) = $node->psql('plain', q{
    CREATE MATERIALIZED VIEW unqualified AS SELECT name FROM goes_query() WITH NO DATA;
    SET search_path = '';
    REFRESH MATERIALIZED VIEW public.unqualified});
like($complaint, qr/event store "events" does not exist/, 'a materialized view has to name its store with its schema');
$node->safe_psql('plain', 'DROP MATERIALIZED VIEW unqualified');

# Only the data, into a store that has its guard already. The rows come in the order of the table, and
# each COPY is one statement, so a whole history passes. One with gaps does not, unless triggers are off.
$node->safe_psql('postgres', 'CREATE DATABASE data_restored');
$node->safe_psql('data_restored', q{
    CREATE EXTENSION goes_store;
    SELECT goes_create_store(), goes_create_store('orders'), goes_alter_store('orders', 'sequential', true)});
$node->command_ok(
    [ 'pg_dump', '-Fc', '--data-only', '-t', 'orders', '-d', $node->connstr('plain'), '-f', "$dump.data" ],
    'pg_dump, only the data');
my @restore = ('pg_restore', '--exit-on-error', '--data-only', '-d', $node->connstr('data_restored'), "$dump.data");
$node->safe_psql('plain', q{
    SELECT goes_append('order', '00000000-0000-7000-8000-000000000001',
                       ARRAY(SELECT goes_new_event('x') FROM generate_series(1, 5)), 0, 'orders')});
$node->command_ok([ @restore ], 'restored by pg_restore: a history without gaps');
$node->safe_psql('data_restored', 'SET goes_store.allow_changes = on; TRUNCATE orders');
$node->safe_psql('plain', q{SET goes_store.allow_changes = on; DELETE FROM orders WHERE aggregate_version = 3});
$node->command_ok(
    [ 'pg_dump', '-Fc', '--data-only', '-t', 'orders', '-d', $node->connstr('plain'), '-f', "$dump.data" ],
    'pg_dump, only the data, with a gap');
$node->command_fails_like([ @restore ], qr/version conflict: aggregate "order" .* has no events, and event \d has version 4/,
    'a history with a gap is refused');
$node->command_ok([ @restore, '--disable-triggers' ], 'and taken with --disable-triggers');
is( $node->safe_psql('data_restored', sprintf($rows, 'orders')),
    $node->safe_psql('plain', sprintf($rows, 'orders')), 'with every row');
guards_hold('data_restored', 'orders', 'public');

# A table that gets another name takes its guards along, to a dump, too.
$node->safe_psql('data_restored', 'ALTER TABLE orders RENAME TO "Old Orders"');
guards_hold('data_restored', '"Old Orders"', 'public');
$node->command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('data_restored'), '-f', "$dump.renamed" ], 'pg_dump of a renamed store');
$node->safe_psql('postgres', 'CREATE DATABASE renamed_restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('renamed_restored'), "$dump.renamed" ], 'restored by pg_restore');
guards_hold('renamed_restored', '"Old Orders"', 'public');

# DROP EXTENSION refuses while a view needs it or there are guards, and then keeps the tables and their rows.
my ($result, $output, $error) = $node->psql('plain', 'DROP EXTENSION goes_store');
isnt($result, 0, 'DROP EXTENSION refuses while a view uses goes_query');
$node->safe_psql('plain', 'DROP VIEW recent, loaded; DROP MATERIALIZED VIEW counted, state');
($result, $output, $error) = $node->psql('plain', 'DROP EXTENSION goes_store');
like($error, qr/trigger goes_append_only on table orders depends on function goes_append_only/, 'and while there are guards');
my %before = map { $_ => $node->safe_psql('plain', sprintf($rows =~ s/BY id/BY e/r, $_)) } qw(events snapshots models);
$node->safe_psql('plain', q{SELECT goes_alter_store('orders', 'off', false); DROP EXTENSION goes_store});
is($node->safe_psql('plain', sprintf($rows =~ s/BY id/BY e/r, $_)), $before{$_}, "DROP EXTENSION keeps the rows of $_")
  for qw(events snapshots models);
is($node->safe_psql('plain', q{SELECT count(*) FROM pg_indexes WHERE tablename = 'events'}), '4', 'and the indexes');
is($node->safe_psql('plain', q{SELECT count(*) FROM pg_proc WHERE proname LIKE 'goes\_%'}), '0', 'and no function stays');
is($node->safe_psql('plain', q{SELECT count(*) FROM pg_type WHERE typname LIKE '%goes\_%'}), '0', 'and no type');
$node->safe_psql('plain', 'CREATE EXTENSION goes_store');
is($node->safe_psql('plain', 'SELECT goes_create_store(); SELECT goes_count()'), "events\n1000", 'which opens the table again');
is($node->safe_psql('plain', q{
    SELECT goes_create_snapshot_store(), goes_create_model_store();
    SELECT count(*), count(state) FROM goes_load('counter', '00000000-0000-0000-0000-000000000007')}),
    "snapshots|models\n1|1", 'and those of snapshots and models');

$node->stop;
done_testing();
