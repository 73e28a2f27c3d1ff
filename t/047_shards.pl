# examples/shards: a store whose aggregates are spread over shards by PL/Proxy. What holds as on one server, what is
# refused, what becomes of a shard that is down, and twice as many shards while others write.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $examples = $ENV{SHARDS} // 'examples/shards';
my $library = `pg_config --sharedir` =~ s/\s+\z//r;
plan skip_all => "PL/Proxy is not installed; tools/packages shards does that" if !-e "$library/extension/plproxy.control";
plan skip_all => "there is no $examples here" if !-e "$examples/front.sql";

my $writers = 4;
my $appends = 150;    # of each
my $last = 30;        # of these, which it makes when the shards are twice as many

sub new_node
{
    my ($name) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    delete local $ENV{INITDB_TEMPLATES};    # standbys are told apart by their systems
    $node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
    $node->append_conf('postgresql.conf', "shared_buffers = 16MB\nautovacuum = off\n");
    $node->start;
    return $node;
}

sub file
{
    my ($node, $path, %variables) = @_;
    my @variables = map { ('-v', "$_=$variables{$_}") } sort keys %variables;
    my ($output, $error);
    IPC::Run::run([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('goes'), @variables, '-f', $path ], '>', \$output, '2>', \$error)
      or BAIL_OUT("$path: $error");
    return;
}

my $front;

# What psql prints, or the SQLSTATE, the message and the rest of the error.
sub said
{
    my ($sql) = @_;
    $front->psql('goes', "\\set VERBOSITY verbose\n\\set SHOW_CONTEXT never\n$sql", stdout => \my $output, stderr => \my $error);
    return $error eq '' ? $output : $error =~ s/^.*?ERROR:\s+//sr;
}

my @shards = map { new_node("shard_$_") } 0, 1;
$front = new_node('front');
$_->safe_psql('postgres', 'CREATE DATABASE goes') for @shards, $front;
file($shards[$_], "$examples/shard.sql", number => $_, shards => 2) for 0, 1;
sub place_of { my ($node) = @_; return sprintf('host=%s port=%d dbname=goes', $node->host, $node->port); }
file($front, "$examples/front.sql", shards => sprintf("p0 '%s', p1 '%s'", map { place_of($_) } @shards));

# ---- As on one server.
my @ids = map { sprintf('019a0000-0000-7000-8000-%012d', $_) } 1 .. 8;
is(said("SELECT goes_append('order', '$_', ARRAY[goes_new_event('placed', \"time\" => 5), goes_new_event('paid', '{\"by\": \"card\"}', \"time\" => 3)], expected_version => 0)"),
    2, "append to $_") for @ids;
is(said("SELECT goes_append_json('order', '$ids[0]', '{\"name\": \"sent\", \"time\": 9}')"), 3, 'append JSON');
is(said("SELECT string_agg(name || aggregate_version, ' ' ORDER BY aggregate_version) FROM goes_history('order', '$ids[0]')"), 'placed1 paid2 sent3', 'a history');
is(said("SELECT name FROM goes_history('order', '$ids[0]', from_version => 3)"), 'sent', 'a part of it, with its argument by name');
is(said("SELECT goes_aggregate_version('order', '$ids[0]')"), 3, 'a version');
is(said('SELECT goes_count()'), 17, 'a count of all shards');
is(said("SELECT goes_count(names => '{paid}')"), 8, 'with a filter');
my @here = map { $_->safe_psql('goes', 'SELECT count(*) FROM events') } @shards;
ok($here[0] > 0 && $here[1] > 0 && $here[0] + $here[1] == 17, "the shards have @here");
is(said("SELECT string_agg(\"time\"::text, ' ') FROM goes_query(sort => '{time}')"), join(' ', (3) x 8, (5) x 8, 9), 'a query in one order');
is(said("SELECT string_agg(\"time\"::text, ' ') FROM goes_query(sort => '{time desc,aggregate_id}', max_events => 3)"), '9 5 5', 'with one limit');
is(said("SELECT goes_snapshot_save('order', '$ids[0]', 2, 'state')"), '', 'a snapshot');
is(said("SELECT count(*) FILTER (WHERE state IS NOT NULL), string_agg(name, ' ') FROM goes_load('order', '$ids[0]')"), '1|sent', 'loading it, and what came since');
is(said("SELECT aggregate_version FROM goes_snapshot_latest('order', '$ids[0]')"), 2, 'the latest one');
is(said("SELECT goes_snapshot_delete('order', '$ids[0]', 2)"), 't', 'deleting it');
is(said(qq{SELECT goes_model_save('m$_', '{"n": $_}')}), '', "model $_") for 1 .. 4;
is(said("SELECT string_agg((goes_model_fetch('m' || n)->>'n'), ' ') FROM generate_series(1, 4) AS n"), '1 2 3 4', 'models');
my $event = said("SELECT id FROM goes_history('order', '$ids[0]', from_version => 3)");
is(said("SELECT name FROM goes_find('$event')"), 'sent', 'an event by its id');
is(said("SELECT goes_delete('{$event}')"), 1, 'deleting it');
my $batch = "ARRAY(SELECT goes_new_event('b', NULL, 'batch', ('019a0000-0000-7000-8000-00000000010' || n)::uuid, 1) FROM generate_series(0, 7) AS n)";
like(said("SELECT goes_insert_batch($batch)"), qr/^0A000: the batch has events of 2 shards/, 'a batch for two shards is refused');
is(said("SELECT goes_insert_batch($batch, split => true)"), 8, 'unless it may be split');

# ---- Errors are those of one server.
my $conflict = said("SELECT goes_append('order', '$ids[1]', ARRAY[goes_new_event('late')], expected_version => 1)");
like($conflict, qr/^VE001: version conflict: aggregate "order" $ids[1] is at version 2/, 'a conflict has its SQLSTATE and its message');
like($conflict, qr/^DETAIL:  \{"aggregate_name": "order", .*"current_version": 2/m, 'its detail, which is JSON');
like($conflict, qr/^HINT:  Load the aggregate again/m, 'and its hint');
like(said("SELECT goes_append('order', NULL, ARRAY[goes_new_event('late')])"), qr/^22004: argument "aggregate_id" must not be null/, 'so has a null');
like(said("SELECT goes_query(sort => '{size}')"), qr/^22023: /, 'and a sort key that is none');

# ---- What could not be undone is refused, and nothing is stored.
for my $block ("BEGIN; %s; COMMIT", "BEGIN; SAVEPOINT s; %s; COMMIT", "DO \$\$BEGIN BEGIN PERFORM (%s); EXCEPTION WHEN division_by_zero THEN NULL; END; END\$\$")
{
    my $append = "SELECT goes_append('order', '$ids[2]', ARRAY[goes_new_event('lost')])";
    like(said(sprintf($block, $append)), qr/^25001: a shard cannot be written to in a transaction block/, sprintf($block, 'append'));
}
is(said('SELECT goes_count(names => \'{lost}\')'), 0, 'nothing of it is stored');
is(said("BEGIN; SELECT goes_aggregate_version('order', '$ids[2]'); COMMIT"), 2, 'a block may read');
like(said("SELECT goes_model_lock('m1')"), qr/^0A000/, 'there are no locks');
like(said("SELECT * FROM goes_$_"), qr/^0A000: shards have no goes_/, "nor is there goes_$_") for 'feed()', 'query_cursor()', 'create_store()', 'write_token()';

# ---- A shard refuses what is not its own.
my ($wrong) = grep { $shards[0]->safe_psql('goes', "SELECT goes_is_here(uuid_send('$_'))") eq 'f' } @ids;
$shards[0]->psql('goes', "SET ROLE goes_front;\n\\set VERBOSITY verbose\nSELECT goes_append('order', '$wrong', ARRAY[goes_new_event('stray')])", stderr => \my $stray);
like($stray, qr/42501/, 'an event on the wrong shard');

# ---- A shard that is down.
$shards[1]->stop;
my @on0 = grep { $front->safe_psql('goes', "SELECT front.hash('$_'::uuid) & 1") eq '0' } @ids;
my @on1 = grep { $front->safe_psql('goes', "SELECT front.hash('$_'::uuid) & 1") eq '1' } @ids;
is(said("SELECT goes_aggregate_version('order', '$on0[0]')") > 0, 1, 'the other one serves');
my $down = said("SELECT goes_aggregate_version('order', '$on1[0]')");
like($down, qr/^08006: a shard cannot be reached: .*${\ $shards[1]->port}/s, 'the error names the one that is down');
like(said('SELECT goes_count()'), qr/^08006/, 'what needs all of them fails');
$shards[1]->start;
is(said("SELECT goes_aggregate_version('order', '$on1[0]')") > 0, 1, 'it is back');

# ---- Twice as many shards, under writers. Each appends to aggregates of its own, and says which version it expects.
$_->backup('backup') for @shards;
my @standbys = map {
    my $node = PostgreSQL::Test::Cluster->new("standby_$_");
    $node->init_from_backup($shards[$_], 'backup', has_streaming => 1);
    $node->start;
    $node
} 0, 1;
like(said('CALL goes_double_shards()'), qr/^55000: there are 2 shards and 0 standbys/, 'without standbys nothing is doubled');
$front->safe_psql('goes', sprintf(q{CREATE SERVER goes_standbys FOREIGN DATA WRAPPER plproxy OPTIONS (p0 '%s', p1 '%s');
    CREATE USER MAPPING FOR PUBLIC SERVER goes_standbys OPTIONS (user 'goes_front')}, place_of($standbys[1]), place_of($standbys[0])));
like(said('CALL goes_double_shards()'), qr/^55000: standby 0 is no standby of shard 0/, 'nor with standbys of others');
$front->safe_psql('goes', sprintf(q{ALTER SERVER goes_standbys OPTIONS (SET p0 '%s', SET p1 '%s')}, map { place_of($_) } @standbys));
like(said('BEGIN; CALL goes_double_shards(); COMMIT'), qr/^25001/, 'nor in a transaction block');

my $before = said('SELECT goes_count()');
my $folder = PostgreSQL::Test::Utils::tempdir();
my @running;
my @held;
for my $writer (0 .. $writers - 1)
{
    my @commands = map {
        my $aggregate = sprintf('019b0000-0000-7000-8000-%04d%08d', $writer, $_ % 10);
        sprintf("SELECT goes_append('moved', '%s', ARRAY[goes_new_event('moved')], expected_version => %d);\n", $aggregate, int($_ / 10))
    } 0 .. $appends - 1;
    open(my $session, '|-', sprintf('exec psql -XqAt -h %s -p %d -d goes >%s 2>%s', $front->host, $front->port, "$folder/$writer.out", "$folder/$writer.err"))
      or BAIL_OUT("psql: $!");
    $session->autoflush;
    push @held, join('', splice(@commands, -$last));
    print $session @commands;
    push @running, $session;
}
my $during = $before;
for (my $tries = 0; $during < $before + 50 && $tries < 2000; $tries++)
{
    $during = said('SELECT goes_count()');
    usleep(10_000);
}
is(said('CALL goes_double_shards()'), '', 'doubled while others write');
my $after = said('SELECT goes_count()');
print { $running[$_] } $held[$_] for 0 .. $writers - 1;
close($_) for @running;
note(sprintf('%d of %d events were stored before, %d when it was done', $during - $before, $writers * $appends, $after - $before));
cmp_ok($after - $before, '<', $writers * $appends, 'which they still did after it');
my $refused = join('', map { slurp_file("$folder/$_.err") } 0 .. $writers - 1);
is($refused, '', 'no append failed');
is(said('SELECT goes_count()'), $before + $writers * $appends, 'nothing is lost, nothing is doubled');
my $whole = q{SELECT count(*), bool_and(versions = last AND last = } . ($appends / 10) . q{)
    FROM (SELECT count(DISTINCT aggregate_version) AS versions, max(aggregate_version) AS last, count(*) FROM goes_query(aggregate_names => '{moved}') GROUP BY aggregate_id) AS aggregates};
is(said($whole), $writers * 10 . '|t', 'each aggregate has all of its versions, once');
is(said("SELECT string_agg((goes_model_fetch('m' || n)->>'n'), ' ') FROM generate_series(1, 4) AS n"), '1 2 3 4', 'models have moved, too');

# What moved away still lies there, and is removed when there is time.
my $lies = 0;
$lies += $_->safe_psql('goes', 'SELECT count(*) FROM events') for @shards, @standbys;
my $removed = said('SELECT goes_clean_shards()');
is($lies - $removed, $before + $writers * $appends, "$removed copies are removed");
is(said($whole), $writers * 10 . '|t', 'and nothing else');
is(said('SELECT goes_clean_shards()'), 0, 'all of them');
my @each = map { $_->safe_psql('goes', 'SELECT count(*) FROM events') } @shards, @standbys;
ok(!(grep { $_ == 0 } @each), "the four shards have @each");
is(said("SELECT goes_append('order', '$_', ARRAY[goes_new_event('after')], expected_version => 2)"), 3, "append to $_ where it is now") for @ids;

# ---- Doubling that fails half way loses nothing, and is done again: one shard, whose standby cannot be promoted at first.
my $alone = new_node('alone');
$alone->safe_psql('postgres', 'CREATE DATABASE goes');
file($alone, "$examples/shard.sql", number => 0, shards => 1);
$front->safe_psql('postgres', 'DROP DATABASE goes; CREATE DATABASE goes');
file($front, "$examples/front.sql", shards => sprintf("p0 '%s'", place_of($alone)));
$alone->backup('backup');
my $follower = PostgreSQL::Test::Cluster->new('follower');
$follower->init_from_backup($alone, 'backup', has_streaming => 1);
$follower->start;
$front->safe_psql('goes', sprintf(q{CREATE SERVER goes_standbys FOREIGN DATA WRAPPER plproxy OPTIONS (p0 '%s');
    CREATE USER MAPPING FOR PUBLIC SERVER goes_standbys OPTIONS (user 'goes_front')}, place_of($follower)));
said("SELECT goes_append('order', '$_', ARRAY[goes_new_event('first')])") for @ids;
$alone->safe_psql('goes', 'ALTER FUNCTION goes_shard_promote RENAME TO hidden');
like(said('CALL goes_double_shards()'), qr/goes_shard_promote.*does not exist/, 'a doubling that fails');
my %moves = map { $_ => $front->safe_psql('goes', "SELECT front.hash('$_'::uuid) & 1") } @ids;
for my $id (@ids)
{
    my $answer = said("SELECT goes_append('order', '$id', ARRAY[goes_new_event('second')])");
    $moves{$id} ? like($answer, qr/^(42501|23505|VE001)/, "$id was about to move: refused") : is($answer, 2, "$id stays: stored");
}
$alone->safe_psql('goes', 'ALTER FUNCTION hidden RENAME TO goes_shard_promote');
is(said('CALL goes_double_shards()'), '', 'the doubling that is done again');
is(said('SELECT goes_count()'), @ids + grep({ !$_ } values %moves), 'nothing is lost, nothing is doubled');
is(said("SELECT goes_append('order', '$_', ARRAY[goes_new_event('third')], expected_version => " . ($moves{$_} ? 1 : 2) . ')'), $moves{$_} ? 2 : 3, "append to $_") for @ids;
is(said('SELECT goes_clean_shards() >= 0'), 't', 'cleaned');
is(said('SELECT goes_count()'), 2 * @ids + grep({ !$_ } values %moves), 'and whole');

$_->stop for $front, $follower, $alone, @standbys, @shards;
done_testing();
