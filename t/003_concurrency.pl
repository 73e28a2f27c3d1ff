# Many clients at once.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $clients = 20;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'max_connections = 50');
$node->start;

# Runs one script in as many sessions, all at once; returns their exit codes and errors.
sub at_once
{
    my ($database, $script) = @_;
    my @sessions = map {
        my %session = (output => '', error => '');
        $session{handle} = IPC::Run::start(
            [ 'psql', '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-c', $script ],
            '<', \undef, '>', \$session{output}, '2>', \$session{error});
        \%session;
    } 1 .. $clients;
    $_->{handle}->finish for @sessions;
    return @sessions;
}

# 20 sessions create the same store on a fresh database, five times.
for my $round (1 .. 5)
{
    my $database = "fresh_$round";
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, 'CREATE EXTENSION goes_store');
    my @sessions = at_once($database, 'SELECT goes_create_store()');
    is(join('', map { $_->{error} } @sessions), '', "round $round: no session has an error or a notice");
    is(scalar(grep { $_->{handle}->result(0) == 0 && $_->{output} eq "events\n" } @sessions),
        $clients, "round $round: all $clients succeed");
    is($node->safe_psql($database, q{SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'events'}),
        'events_pkey goes_aggregate goes_name goes_time', "round $round: one set of indexes");
}

# The same with different stores of one schema, whose index names collide.
$node->safe_psql('postgres', 'CREATE DATABASE many');
$node->safe_psql('many', 'CREATE EXTENSION goes_store');
my @sessions = at_once('many', q{SELECT goes_create_store('store_' || pg_backend_pid())});
is(join('', map { $_->{error} } @sessions), '', 'different stores: no error');
is($node->safe_psql('many', q{
    SELECT count(*), count(*) FILTER (WHERE indexes = 4)
    FROM (SELECT tablename, count(*) AS indexes FROM pg_indexes WHERE tablename LIKE 'store\_%' GROUP BY 1) AS stores}),
    "$clients|$clients", 'different stores: each has its indexes');

# The same for snapshots and models.
@sessions = at_once('many', 'SELECT goes_create_snapshot_store(), goes_create_model_store()');
is(scalar(grep { $_->{handle}->result(0) == 0 && $_->{error} eq '' && $_->{output} eq "snapshots|models\n" } @sessions),
    $clients, 'snapshots and models: all succeed');

# 20 clients count in one model, which the first of them creates.
$node->pgbench(
    "--no-vacuum --client=$clients --jobs=2 --transactions=100",
    0,
    [qr{actually processed: @{[$clients * 100]}/@{[$clients * 100]}}],
    [qr{^$}],
    'pgbench: 20 clients count in one model',
    { count => q{SELECT goes_model_save('counter', to_jsonb(goes_model_lock('counter', '0')::integer + 1));} },
    'many');
is($node->safe_psql('many', q{SELECT goes_model_fetch('counter')}), $clients * 100, 'every one counts');

# Some create it while others remove it.
$node->pgbench(
    "--no-vacuum --client=$clients --jobs=2 --transactions=200",
    0,
    [qr{actually processed: @{[$clients * 200]}/@{[$clients * 200]}}],
    [qr{^$}],
    'pgbench: 20 clients create and remove one model',
    {
        'create' => q{SELECT goes_model_lock('passing', '0');},
        'remove' => q{SELECT goes_model_delete('passing');}
    },
    'many');

# Snapshots are pruned while others save them.
$node->pgbench(
    "--no-vacuum --client=$clients --jobs=2 --transactions=100",
    0,
    [qr{actually processed: @{[$clients * 100]}/@{[$clients * 100]}}],
    [qr{^$}],
    'pgbench: 20 clients save and prune',
    {
        'save@9' => q{
            \set aggregate random(1, 3)
            \set version random(1, 1000)
            SELECT goes_snapshot_save('raced', lpad(:aggregate::text, 32, '0')::uuid, :version, '\x00');
        },
        'prune@1' => q{SELECT goes_snapshot_prune(3);}
    },
    'many');
$node->safe_psql('many', 'SELECT goes_snapshot_prune(3)');
is($node->safe_psql('many', 'SELECT count(*), count(DISTINCT aggregate_id) FROM snapshots'), '9|3', 'three of each are left');

# 20 clients write their own aggregates and read while the others write.
$node->safe_psql('postgres', 'CREATE EXTENSION goes_store; SELECT goes_create_store()');
$node->pgbench(
    "--no-vacuum --client=$clients --jobs=2 --transactions=100",
    0,
    [qr{actually processed: @{[$clients * 100]}/@{[$clients * 100]}}],
    [qr{^$}],
    'pgbench: 20 clients with their own aggregates',
    {
        own_aggregate => q{
            SELECT goes_insert_batch(ARRAY[
                goes_new_event('counted', to_jsonb(:client_id), 'client', lpad((:client_id + 1)::text, 32, '0')::uuid,
                               goes_aggregate_version('client', lpad((:client_id + 1)::text, 32, '0')::uuid) + 1)]);
            SELECT count(*) FROM goes_query(aggregate_names => '{client}', aggregate_ids => ARRAY[lpad((:client_id + 1)::text, 32, '0')]::uuid[],
                                            sort => '{aggregate_version desc}', max_events => 10);
        }
    });
is($node->safe_psql('postgres', q{
    SELECT count(*), bool_and(events = 100 AND newest = 100)
    FROM (SELECT count(*) AS events, max(aggregate_version) AS newest FROM events GROUP BY aggregate_id) AS clients}),
    "$clients|t", 'every aggregate has its 100 versions');

# All of them write the next version of one aggregate, and try again when another was faster.
$node->pgbench(
    "--no-vacuum --client=$clients --jobs=2 --transactions=20",
    0,
    [qr{actually processed: @{[$clients * 20]}/@{[$clients * 20]}}],
    [qr{^$}],
    'pgbench: 20 clients with one aggregate',
    {
        one_aggregate => q{
            DO $$
            BEGIN
                LOOP
                    BEGIN
                        PERFORM goes_insert_batch(ARRAY[
                            goes_new_event('raced', NULL, 'shared', '00000000-0000-7000-8000-000000000001',
                                           goes_aggregate_version('shared', '00000000-0000-7000-8000-000000000001') + 1)]);
                        EXIT;
                    EXCEPTION WHEN unique_violation THEN
                        NULL;
                    END;
                END LOOP;
            END
            $$;
        }
    });
is($node->safe_psql('postgres', q{
    SELECT count(*), count(DISTINCT aggregate_version), min(aggregate_version), max(aggregate_version)
    FROM events
    WHERE aggregate_name = 'shared'}),
    join('|', $clients * 20, $clients * 20, 1, $clients * 20), 'no version is lost, taken twice or left out');

$node->stop;
done_testing();
