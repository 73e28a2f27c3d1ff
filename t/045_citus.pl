# A tenant by schema on Citus: its rows are on one node, and all nodes serve it. Runs where the server has
# Citus, which is not among Debian's packages.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $order = '019a0000-0000-7000-8000-00000000000a';
my @nodes = map { PostgreSQL::Test::Cluster->new($_) } 'coordinator', 'first', 'second';
my ($coordinator, $first, $second) = @nodes;

for my $node (@nodes)
{
    $node->init(allows_streaming => 'logical');
    $node->append_conf('postgresql.conf', sprintf(q{
        citus.local_hostname = '%s'
        citus.node_conninfo = 'sslmode=prefer'
        fsync = off
        log_statement = none
        max_connections = 100
        max_prepared_transactions = 100
        max_worker_processes = 20
        max_wal_senders = 10
        max_replication_slots = 10}, $node->host));
}

$coordinator->start;
plan skip_all => 'this server has no Citus: tenants by schema are NOT tested here'
  if $coordinator->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'citus'}) eq '0';
$coordinator->stop;
for my $node (@nodes)
{
    $node->append_conf('postgresql.conf', "shared_preload_libraries = 'citus'");
    $node->start;
}

# Makes a database on all nodes, where a new schema is a tenant's if $is_tenant says so.
sub create_database
{
    my ($database, @settings) = @_;
    for my $node (@nodes)
    {
        $node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'");
        $node->safe_psql('postgres', "ALTER DATABASE $database SET $_") for @settings;
        $node->safe_psql($database, 'CREATE EXTENSION citus');
    }
    $coordinator->safe_psql($database, sprintf(q{SELECT citus_set_coordinator_host('%s', %d)}, $coordinator->host, $coordinator->port));
    $coordinator->safe_psql($database, sprintf(q{SELECT citus_add_node('%s', %d)}, $_->host, $_->port)) for $first, $second;
    $coordinator->safe_psql($database, 'CREATE EXTENSION goes_store');
    return;
}

# The port of the node that has the rows of a tenant's store.
sub holder
{
    my ($tenant) = @_;
    my (undef, undef, $error) = $coordinator->psql('tenants', "SELECT * FROM goes_check_store('$tenant.events')");
    my ($port) = $error =~ /NOTICE:  Citus keeps the rows of table "events" on node \S+:(\d+)$/m or BAIL_OUT("goes_check_store does not tell where the rows are: $error");
    return $port;
}

sub node_at
{
    my ($port) = @_;
    return (grep { $_->port == $port } @nodes)[0];
}

# Moves a tenant to the other worker.
sub move
{
    my ($tenant, $mode) = @_;
    my $to = holder($tenant) == $first->port ? $second : $first;
    my ($status, $output, $error) = $coordinator->psql('tenants', sprintf("SET citus.enable_unsafe_triggers = on; SELECT citus_schema_move('%s', '%s', %d, '%s')", $tenant, $to->host, $to->port, $mode));
    is($status, 0, "$tenant is moved") or diag($error);
    return;
}

# Asks all nodes the same, which have to give the same answer.
sub everywhere
{
    my ($question, $answer, $name) = @_;
    is($_->safe_psql('tenants', $question), $answer, "$name, by node " . $_->name) for @nodes;
    return;
}

# Runs SQL and returns the SQLSTATE and the message of its error.
sub refusal
{
    my ($node, $sql) = @_;
    my ($status, $output, $error) = $node->psql('tenants', "\\set VERBOSITY verbose\n$sql");
    return $error =~ /ERROR:  (\w{5}): (.*)/ ? "$1 $2" : "none: $output$error";
}

# Runs SQL and returns what its error says beside the message.
sub beside_message
{
    my ($node, $sql) = @_;
    my ($status, $output, $error) = $node->psql('tenants', "\\set VERBOSITY verbose\n$sql");
    return join('', grep { /^(?:HINT|(?:SCHEMA|TABLE|CONSTRAINT) NAME|CONTEXT):/ } split(/^/, $error));
}

create_database('tenants');

# ---- Created where Citus sees it, in the schema of a tenant and nowhere else.
for my $tenant ('shop', 'depot')
{
    $coordinator->safe_psql('tenants', "CREATE SCHEMA $tenant; SELECT citus_schema_distribute('$tenant')");
    is($coordinator->safe_psql('tenants', "SELECT goes_create_store('$tenant.events'), goes_create_store('$tenant.events')"),
        "$tenant.events|$tenant.events", "the store of $tenant is made once");
    $coordinator->safe_psql('tenants', "SELECT goes_create_snapshot_store('$tenant.snapshots'), goes_create_model_store('$tenant.models')");
}
is($coordinator->safe_psql('tenants', q{SELECT count(*) FROM pg_dist_partition WHERE partmethod = 'n'}), 6, 'Citus has taken over all of it');
is($coordinator->safe_psql('tenants', 'SELECT goes_create_store(); SELECT count(*) FROM pg_dist_partition'), "events\n6", 'and no table of other schemas');
is($coordinator->safe_psql('tenants', q{
    BEGIN; CREATE SCHEMA brief; SELECT citus_schema_distribute('brief'); SELECT goes_create_store('brief.events'); ROLLBACK;
    SELECT count(*) FROM pg_dist_partition}) =~ /\n6$/ ? 'none' : 'some', 'none', 'what is rolled back leaves nothing');
move('depot', 'block_writes') if holder('shop') == holder('depot');
isnt(holder('shop'), holder('depot'), 'the tenants are on two nodes');
isnt(holder('shop'), $coordinator->port, 'and not on the coordinator');

# ---- Every function, by the coordinator: the rows are on another node.
sub shop
{
    my ($call) = @_;
    return $coordinator->safe_psql('tenants', "SELECT $call");
}

my $aggregate = "'order', '$order'";
is(shop(qq{goes_append($aggregate, ARRAY[goes_new_event('a', '1'), goes_new_event('b', '2'), goes_new_event('c', '3')], 0, 'shop.events')}), 3, 'goes_append of several');
is(shop(qq{goes_append($aggregate, ARRAY[goes_new_event('d', '4')], -1, 'shop.events')}), 4, 'of one');
is(shop(qq{goes_append_json($aggregate, '[{"name": "e"}, {"name": "f"}]', 4, 'shop.events')}), 6, 'goes_append_json');
is(shop(q{goes_insert_batch(ARRAY[goes_new_event('g'), goes_new_event('h')], 'shop.events')}), 2, 'goes_insert_batch');
is(shop(q{goes_insert_json('{"name": "i", "id": "019a0000-0000-7000-8000-000000000009", "time": 5}', 'shop.events')}), 1, 'goes_insert_json');
is(shop(qq{string_agg(format('%s %s %s', item, aggregate_version, sqlstate), ', ') FROM goes_append_each(ARRAY[
    ($aggregate, ARRAY[goes_new_event('j')], 6), ($aggregate, ARRAY[goes_new_event('k')], 6), ('cart', '$order', ARRAY[goes_new_event('l'), goes_new_event('m')], NULL),
    ('cart', '$order', ARRAY[goes_new_event('n', id => '019a0000-0000-7000-8000-000000000009')], NULL)]::goes_append_item[], 'shop.events')}),
    '1 7 , 2  VE001, 3 2 , 4  VE003', 'goes_append_each');
everywhere(qq{SELECT goes_aggregate_version($aggregate, 'shop.events'), goes_count(store => 'shop.events')}, '7|12', 'goes_aggregate_version, goes_count');
everywhere(qq{SELECT string_agg(name, '') FROM goes_query(aggregates => ARRAY[($aggregate)]::goes_aggregate_ref[], sort => '{aggregate_version}', store => 'shop.events')}, 'abcdefj', 'goes_query');
everywhere(qq{SELECT string_agg(name, '') FROM goes_query(names => '{a,i}', time_max => 5, store => 'shop.events')}, 'i', 'with other filters');
everywhere(qq{SELECT string_agg(name, '') FROM goes_history($aggregate, 3, 6, store => 'shop.events')}, 'cdef', 'goes_history');
everywhere(q{SELECT name, "time" FROM goes_find('019a0000-0000-7000-8000-000000000009', 'shop.events')}, 'i|5', 'goes_find');
is(shop(qq{goes_snapshot_save($aggregate, n, 'state', store => 'shop.snapshots') FROM generate_series(1, 5) AS n}), "\n\n\n\n", 'goes_snapshot_save');
is(shop(q{goes_snapshot_prune(2, 'shop.snapshots')}), 3, 'goes_snapshot_prune');
everywhere(qq{SELECT string_agg(aggregate_version || coalesce(name, ' snapshot'), ' ') FROM goes_load($aggregate, 'shop.snapshots', 'shop.events')}, '5 snapshot 6f 7j', 'goes_load');
is(shop(qq{aggregate_version FROM goes_snapshot_limit($aggregate, 4, 'shop.snapshots')}), 4, 'goes_snapshot_limit');
is(shop(qq{count(*) FROM goes_snapshot_query(store => 'shop.snapshots')}), 2, 'goes_snapshot_query');
is(shop(q{goes_model_lock('m', '1', 'shop.models')}), 1, 'goes_model_lock');
$coordinator->safe_psql('tenants', q{SELECT goes_model_save('m', '2', 'shop.models')});
everywhere(q{SELECT goes_model_fetch('m', 'shop.models')}, 2, 'goes_model_save, goes_model_fetch');
is(shop(q{goes_model_delete('m', 'shop.models')}), 't', 'goes_model_delete');
is(shop(q{goes_delete('{019a0000-0000-7000-8000-000000000009, 019a0000-0000-7000-8000-000000000008}', 'shop.events')}), 1, 'goes_delete');
is($coordinator->safe_psql('tenants', qq{
    BEGIN; SELECT goes_query_cursor(sort => '{aggregate_version}', aggregates => ARRAY[($aggregate)]::goes_aggregate_ref[], portal => 'c', store => 'shop.events'); FETCH 1 FROM c; FETCH 1 FROM c; COMMIT})
      =~ /\|a\|.*\n.*\|b\|/ ? 'a, b' : 'other events', 'a, b', 'goes_query_cursor');
$coordinator->safe_psql('tenants', q{CALL goes_create_index('name_time', 'shop.events')});
like(node_at(holder('shop'))->safe_psql('tenants', q{
    SET citus.override_table_visibility = off; SELECT indexname FROM pg_indexes WHERE schemaname = 'shop'}), qr/^goes_name_time_\d+$/m, 'goes_create_index');

# ---- What is acknowledged is stored, what is rolled back is not.
my $repeat = qq{SELECT goes_append('repeat', '$order', ARRAY[goes_new_event('a', '1', id => '019a0000-0000-7000-8000-0000000000a1', "time" => 1),
    goes_new_event('b', '2', id => '019a0000-0000-7000-8000-0000000000a2', "time" => 2)], 0, 'shop.events')};
everywhere($repeat, 2, 'an append that is repeated');
like(refusal($_, $repeat =~ s/'b'/'other'/r), qr/^VE003 /, 'VE003') for @nodes;
like(refusal($coordinator, qq{SELECT goes_append($aggregate, ARRAY[goes_new_event('a')], 3, 'shop.events')}), qr/^VE001 .* is at version 7, and was expected to be at version 3$/, 'VE001');
like(refusal($coordinator, qq{SELECT goes_append($aggregate, ARRAY[goes_new_event('a'), goes_new_event('b', id => '019a0000-0000-7000-8000-0000000000a1')], NULL, 'shop.events')}),
    qr/^VE003 /, 'the id of a later event is taken');
like(refusal($coordinator, qq{SELECT goes_insert_batch(ARRAY[goes_new_event('a'), goes_new_event('a', NULL, $aggregate, 7)], 'shop.events')}), qr/^23505 /, 'a version is taken');
is(shop(q{goes_count(names => '{a,b}', store => 'shop.events')}), 4, 'none of it is stored');

# Programs go by the names that an error has: they are those of the table, and not of its shard.
my $names = 'CONTEXT:  SQL statement "INSERT INTO shop\.events .*"\nSCHEMA NAME:  shop\nTABLE NAME:  events\n';
for my $node (@nodes)
{
    my $insert = q{SELECT goes_insert_batch(ARRAY[goes_new_event('a', NULL, %s)], 'shop.events')};
    like(beside_message($node, sprintf($insert, "$aggregate, 7")), qr/^${names}CONSTRAINT NAME:  goes_aggregate\n$/, 'a version is taken, by node ' . $node->name);
    like(beside_message($node, sprintf($insert, "id => '019a0000-0000-7000-8000-0000000000a1'")), qr/^${names}CONSTRAINT NAME:  events_pkey\n$/, 'an id is taken');
}
like(refusal($coordinator, qq{SELECT goes_insert_batch(ARRAY[goes_new_event('a', NULL, $aggregate, 7)], 'shop.events')}), qr/^23505 .* "goes_aggregate"$/, 'and so does the message');

# A call in a statement that reads a table of a tenant runs on the other node, where it finds no table by that name.
like(refusal($coordinator, q{SET search_path = shop, public; SELECT goes_count() FROM events LIMIT 1}), qr/^42P01 event store "events" does not exist$/, 'a call that Citus has sent elsewhere');
like(beside_message($coordinator, q{SET search_path = shop, public; SELECT goes_count() FROM events LIMIT 1}),
    qr/^HINT:  Call it in a statement that names no table of a tenant\./, 'says so, and not to create the table there');
for my $end ('ROLLBACK', 'ROLLBACK TO before; COMMIT')
{
    $coordinator->safe_psql('tenants', qq{BEGIN; SAVEPOINT before;
        SELECT goes_append($aggregate, ARRAY[goes_new_event('gone'), goes_new_event('gone')], 7, 'shop.events'), goes_append('x', '$order', ARRAY[goes_new_event('gone')], 0, 'shop.events'); $end});
    everywhere(q{SELECT goes_count(names => '{gone}', store => 'shop.events')}, 0, $end);
}
is($coordinator->safe_psql('tenants', qq{
    BEGIN ISOLATION LEVEL REPEATABLE READ;
    SELECT goes_append($aggregate, ARRAY[goes_new_event('own')], 7, 'shop.events'), goes_count(store => 'shop.events') > 0;
    SELECT goes_aggregate_version($aggregate, 'shop.events'); ROLLBACK}), "8|t\n8", 'REPEATABLE READ');

# A trigger that keeps rows out. The count is the node's, not that of the rows that were sent to it.
sub as_owner
{
    my ($sql) = @_;
    return $coordinator->safe_psql('tenants', "SET citus.enable_unsafe_triggers = on; $sql");
}

as_owner(q{
    CREATE FUNCTION shop.keep_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN new.name <> 'out' THEN new END; END $$;
    CREATE TRIGGER keep_out BEFORE INSERT ON shop.events FOR EACH ROW EXECUTE FUNCTION shop.keep_out()});
for my $call (q{goes_insert_batch(ARRAY[goes_new_event('in'), goes_new_event('out')], 'shop.events')},
    q{goes_insert_json('[{"name": "in"}, {"name": "out"}]', 'shop.events')},
    qq{goes_append('x', '$order', ARRAY[goes_new_event('in'), goes_new_event('out')], store => 'shop.events')},
    qq{goes_append('x', '$order', ARRAY[goes_new_event('out')], store => 'shop.events')})
{
    like(refusal($coordinator, "SELECT $call"), qr/^27000 /, "rows that a trigger keeps out: $call");
}
like(shop(qq{string_agg(sqlstate, ' ') FROM goes_append_each(ARRAY[('x', '$order', ARRAY[goes_new_event('in'), goes_new_event('out')], NULL), ('y', '$order', ARRAY[goes_new_event('in')], NULL)]::goes_append_item[], 'shop.events')}),
    qr/^27000$/, 'goes_append_each says which');
is(shop(q{goes_count(names => '{in,out}', store => 'shop.events')}), 1, 'and that is all');
as_owner('DROP TRIGGER keep_out ON shop.events');

# A default that only the coordinator can compute has Citus send the rows, and not the statement.
$coordinator->safe_psql('tenants', 'ALTER TABLE depot.events ADD COLUMN drawn uuid; ALTER TABLE depot.events ALTER COLUMN drawn SET DEFAULT gen_random_uuid()');
is(shop(qq{goes_append('drawn', '$order', ARRAY[goes_new_event('a'), goes_new_event('b', id => '019a0000-0000-7000-8000-0000000000d1'), goes_new_event('c')], 0, 'depot.events')}), 3, 'a default that is computed');
like(refusal($coordinator, qq{SELECT goes_append('drawn', '$order', ARRAY[goes_new_event('d'), goes_new_event('e', id => '019a0000-0000-7000-8000-0000000000d1'), goes_new_event('f')], 3, 'depot.events')}),
    qr/^VE003 /, 'a skipped event is not counted as stored');
is(shop(q{goes_count(store => 'depot.events')}), 3, 'and nothing of that append is');

# A role that may only INSERT: Citus sends the rows, and the count is that of the node all the same.
$coordinator->safe_psql('tenants', 'CREATE ROLE writer LOGIN; GRANT USAGE ON SCHEMA shop TO writer; GRANT INSERT ON shop.events TO writer');
my $write = q{SET ROLE writer; SELECT goes_insert_batch(ARRAY[goes_new_event('written'), goes_new_event(%s)], 'shop.events')};
is($coordinator->safe_psql('tenants', sprintf($write, q{'written'})), 2, 'a role that may only INSERT');
as_owner('CREATE TRIGGER keep_out BEFORE INSERT ON shop.events FOR EACH ROW EXECUTE FUNCTION shop.keep_out()');
like(refusal($coordinator, sprintf($write, q{'out'})), qr/^27000 /, 'has its rows counted');
as_owner('DROP TRIGGER keep_out ON shop.events');

# ---- Guards, feeds and subscriptions.
like(refusal($coordinator, q{SELECT goes_alter_store('shop.events', append_only => true)}), qr/^0A000 .*append_only, since Citus keeps its rows elsewhere$/, 'append_only');
like(refusal($coordinator, q{SELECT goes_alter_store('shop.events', feed => true)}), qr/^0A000 .*a feed, since Citus keeps its rows elsewhere$/, 'feed');
like(refusal($coordinator, q{SELECT goes_create_subscription_store('shop.subscriptions')}), qr/^0A000 /, 'subscriptions');
like(refusal($coordinator, q{SELECT goes_write_token('shop.events')}), qr/^0A000 .*a token of its writes, since Citus keeps its rows elsewhere$/, 'goes_write_token');
like(refusal($coordinator, q{SELECT goes_alter_store('shop.events', validate_versions => 'sequential')}), qr/^0A000 .*validate_versions, since Citus keeps its rows elsewhere$/, 'validate_versions');
as_owner(q{SELECT goes_alter_store('shop.events', validate_versions => 'sequential')});
my $leap = "INSERT INTO shop.events (id, name, time, aggregate_name, aggregate_id, aggregate_version) VALUES (gen_random_uuid(), 'leap', 0, $aggregate, 9)";
like(refusal($_, $leap), qr/^VE001 .* is at version 7, and event 1 has version 9$/, 'validate_versions holds, where triggers are allowed') for @nodes;
like(beside_message($_, qq{SELECT goes_insert_batch(ARRAY[goes_new_event('leap', NULL, $aggregate, 9)], 'shop.events')}), qr/^HINT: .*\n$names$/, 'an error of the guard names the table') for @nodes;
move('shop', 'block_writes');
like(refusal($_, $leap), qr/^VE001 /, 'also after a move') for @nodes;
as_owner(q{CREATE TRIGGER goes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON shop.events FOR EACH STATEMENT EXECUTE FUNCTION goes_append_only()});
is(shop(q{problem FROM goes_check_store('shop.events')}), 'guard "goes_append_only" does not hold for rows that Citus keeps elsewhere', 'goes_check_store');
as_owner(q{SELECT goes_alter_store('shop.events', append_only => false, validate_versions => 'off')});
is(shop(q{count(*) FROM goes_check_store('shop.events')}), 0, 'sound again');

# ---- Writers on three nodes: no gap, no version twice.
my $appends = 150;

sub start_writers
{
    my ($name, $loops) = @_;
    my @writers;
    for my $node (@nodes)
    {
        my %writer = (output => '', error => '');
        my $sql = join('', map { my $id = sprintf('%08d-0000-4000-8000-000000000000', $_ % 5);
            my $events = $_ % 3 ? "goes_new_event('one')" : "goes_new_event('one'), goes_new_event('two'), goes_new_event('three')";
            "SELECT '$id', cardinality(e), goes_append('$name', '$id', e, store => 'shop.events') FROM (SELECT ARRAY[$events]) AS events (e);\n" } 1 .. $loops);
        $writer{handle} = IPC::Run::start([ 'psql', '-X', '-A', '-t', '-q', '-d', $node->connstr('tenants') ], '<', \$sql, '>', \$writer{output}, '2>', \$writer{error});
        push(@writers, \%writer);
    }
    return @writers;
}

# Waits for writers and compares what they were told with what is stored.
sub finish_writers
{
    my ($name, @writers) = @_;
    my (%told, $twice);
    my $acknowledged = 0;
    for my $writer (@writers)
    {
        $writer->{handle}->finish;
        is($writer->{error}, '', "$name: no error");
        for (split(/\n/, $writer->{output}))
        {
            my ($id, $count, $last) = split(/\|/);
            $twice .= " $id $_" for grep { $told{"$id $_"}++ } $last - $count + 1 .. $last;
            $acknowledged += $count;
        }
    }
    is($twice, undef, "$name: no version is given twice");
    everywhere("SELECT goes_count(aggregate_names => '{$name}', store => 'shop.events')", $acknowledged, "$name: all that is acknowledged is stored, and no more");
    is(shop("count(*) FROM (SELECT aggregate_id FROM shop.events WHERE aggregate_name = '$name' GROUP BY 1 HAVING max(aggregate_version) <> count(*)) AS gaps"), 0, "$name: no gap");
    return;
}

my @writers = start_writers('hot', $appends);
finish_writers('hot', @writers);

# ---- A tenant that is moved while it is written.
@writers = start_writers('moved', 6 * $appends);
$writers[0]->{handle}->pump until $writers[0]->{output} =~ /\n/;
move('shop', 'force_logical') for 1 .. 2;
cmp_ok(grep({ $_->{handle}->pumpable } @writers), '>', 0, 'they still write');
finish_writers('moved', @writers);
everywhere(qq{SELECT goes_aggregate_version($aggregate, 'shop.events')}, 7, 'and the rest is where it was');

# ---- Models are locked between nodes.
my $locks = 40;
$coordinator->safe_psql('tenants', q{SELECT goes_model_save('counted', '0', 'shop.models')});
my @counters = map {
    my $sql = "BEGIN; SELECT goes_model_save('counted', to_jsonb(goes_model_lock('counted', '0', 'shop.models')::int + 1), 'shop.models'); COMMIT;\n" x $locks;
    my %counter = (output => '', error => '');
    $counter{handle} = IPC::Run::start([ 'psql', '-X', '-A', '-t', '-q', '-d', $_->connstr('tenants') ], '<', \$sql, '>', \$counter{output}, '2>', \$counter{error});
    \%counter;
} @nodes;
for my $counter (@counters)
{
    $counter->{handle}->finish;
    is($counter->{error}, '', 'a model is locked by others meanwhile');
}
is(shop(q{goes_model_fetch('counted', 'shop.models')}), 3 * $locks, 'every count is kept');

# ---- The stories of sql/ on tenants: whatever schema they make is one. All of them, but for those that
# expected/citus/left-out names with a reason.
SKIP:
{
    skip('sql/ is not here; tools/test 045_citus brings it', 1) if !-e 'sql/find.sql';
    my %left_out = map { /^(\w+): \S/ ? ($1 => $_) : BAIL_OUT("expected/citus/left-out: $_") } split(/\n/, slurp_file('expected/citus/left-out'));
    my @stories = grep { !$left_out{$_} } names('sql/*.sql');
    is(join(' ', grep { !-e "sql/$_.sql" } sort(keys(%left_out))), '', 'every story that is left out is there');
    is(join(' ', grep { $_ ne 'left-out' && ($left_out{$_} || !-e "sql/$_.sql") } names('expected/citus/*')), '', 'differences are those of stories that run');
    create_database('stories', 'citus.enable_schema_based_sharding = on', 'citus.enable_unsafe_triggers = on');
    my $results = PostgreSQL::Test::Utils::tempdir();
    mkdir("$results/$_") for 'sql', 'expected';
    append_to_file("$results/$_", able_to_log_in(slurp_file($_))) for map { ("sql/$_.sql", "expected/$_.out") } @stories;
    my ($bindir) = run_command([ 'pg_config', '--bindir' ]);
    run_log([ $ENV{PG_REGRESS}, '--use-existing', '--dbname=stories', '--host=' . $coordinator->host, '--port=' . $coordinator->port,
            "--bindir=$bindir", "--inputdir=$results", "--outputdir=$results", @stories ]);
    for my $story (@stories)
    {
        is(differences(slurp_file("$results/expected/$story.out"), slurp_file("$results/results/$story.out")), expected_differences($story), "sql/$story.sql");
    }
}

# The names of files, without their ending.
sub names
{
    my ($pattern) = @_;
    return map { s{.*/}{}r =~ s/\.sql$//r } sort(glob($pattern));
}

# A story's text, or what it prints, with roles that can log in: Citus connects to the node as the caller.
sub able_to_log_in
{
    my ($text) = @_;
    return $text =~ s/^(CREATE ROLE \w+);/$1 LOGIN;/gmr;
}

# ---- libgoes: its tests, in a database in which every table is a tenant's.
SKIP:
{
    my @programs = split(' ', $ENV{CLIENT_PROGRAMS} // '');
    skip('no programs of libgoes were named; tools/test 045_citus does', 1) if !@programs;
    create_database('goes_test', 'search_path = tenant, public', 'citus.enable_unsafe_triggers = on');
    local $ENV{GOES_TEST_URL} = sprintf('host=%s port=%d user=%s', $coordinator->host, $coordinator->port, scalar(getpwuid($<)));
    for my $program (@programs)
    {
        $coordinator->safe_psql('goes_test', q{DROP SCHEMA IF EXISTS tenant CASCADE; CREATE SCHEMA tenant; SELECT citus_schema_distribute('tenant')});
        my ($output, $error);
        ok(IPC::Run::run([ 'timeout', 300, "$ENV{CLIENT_TESTS}/$program" ], '>', \$output, '2>', \$error), "$program on a tenant") or diag("$output$error");
    }
}

# What a story prints otherwise: names of shards, and of the node that an error comes from, do not count.
sub differences
{
    my ($expected, $got) = @_;
    my $directory = PostgreSQL::Test::Utils::tempdir();
    $got =~ s/(?<=\w)_10\d{4}\b//g;
    $got =~ s/^NOTICE:  Citus keeps the rows of table .*\nHINT:  Calls take least .*\n//gm;
    $got =~ s/^ +Node: \K.*/a node/gm;
    $got =~ s/transaction (?:on|for) \K(?:\S+:\d+|shard \d+)/a shard/g;
    $got =~ s/pg_temp_\K\d+/N/g;
    $got =~ s/^ +1259 \| +\d+ \|.*/a row/gm;
    $got =~ s/^ \d{5,} +\| parent/ an OID | parent/gm;
    $got =~ s/^(?:NOTICE:  .*opying .*data.*\n|(?:DETAIL|HINT):  .*local data.*\n)//gm;
    $got =~ s/^CONTEXT:  while executing command on \S+:\d+\n(?!SQL|PL)//gm;
    $got =~ s/while executing command on \S+:\d+\n//g;
    $got =~ s/ WHERE NOT EXISTS \(SELECT FROM \S+ AS own WHERE own\.id IS NULL\) +RETURNING 1//g;
    # a longer name somewhere makes a column wider
    s/ {2,}/ /g, s/-{2,}/--/g, s/[ -]+$//gm for $expected, $got;
    append_to_file("$directory/expected", $expected);
    append_to_file("$directory/got", $got);
    my ($output) = run_command([ 'diff', '--unchanged-line-format=', '--old-line-format=-%L', '--new-line-format=+%L', "$directory/expected", "$directory/got" ]);
    $output =~ s/\S+:\d+(?= failed with)/a node/g;
    return $output;
}

sub expected_differences
{
    my ($story) = @_;
    my $lines = -e "expected/citus/$story" ? slurp_file("expected/citus/$story") : '';
    $lines =~ s/^#.*\n//gm;
    chomp($lines);
    return $lines;
}

# ---- A holder that is down: an error that names it, and the other tenant is served.
move('depot', 'block_writes') if holder('shop') == holder('depot');
my $down = node_at(holder('shop'));
my $port = $down->port;
$down->stop('immediate');
for my $call (q{goes_count(store => 'shop.events')}, qq{goes_append($aggregate, ARRAY[goes_new_event('a')], store => 'shop.events')}, q{goes_insert_batch(ARRAY[goes_new_event('a')], 'shop.events')})
{
    like(refusal($coordinator, "SELECT $call"), qr/^08006 connection to the remote node \S*:$port failed/, "the holder is down: $call");
}
like(refusal($coordinator, qq{SELECT * FROM goes_append_each(ARRAY[($aggregate, ARRAY[goes_new_event('a')], NULL)]::goes_append_item[], 'shop.events')}), qr/^08006 .*:$port failed/, 'for goes_append_each it is no outcome of an item');
is(shop(qq{goes_append('served', '$order', ARRAY[goes_new_event('a')], 0, 'depot.events')}), 1, 'the other tenant is served');
is($coordinator->safe_psql('tenants', q{SELECT goes_insert_batch(ARRAY[goes_new_event('a')])}), 1, 'and ordinary stores');
$down->start;
everywhere(qq{SELECT goes_aggregate_version($aggregate, 'shop.events')}, 7, 'the holder is back');

done_testing();
