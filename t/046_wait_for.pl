# goes_write_token and goes_wait_for with a real standby: what was written on the primary is there as soon as
# the standby says so, and never before; what a token is worth after a promotion; and where nothing is worth
# waiting for.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $patience = 1000 * $PostgreSQL::Test::Utils::timeout_default;
my $order = q{'019a0000-0000-7000-8000-000000000001'};
my $append = "SELECT goes_append('order', $order, ARRAY[goes_new_event('changed')])";
my $version = "SELECT goes_aggregate_version('order', $order)";

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "autovacuum = off\nwal_keep_size = '512MB'\n");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION goes_store; SELECT goes_create_store()');
$primary->backup('backup');

sub standby_of
{
    my ($name, $node, $backup) = @_;
    my $standby = PostgreSQL::Test::Cluster->new($name);
    $standby->init_from_backup($node, $backup, has_streaming => 1);
    $standby->start;
    return $standby;
}

# What psql prints, or the SQLSTATE and the message of the error.
sub said
{
    my ($node, $sql) = @_;
    $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \my $output, stderr => \my $error);
    return $error eq '' ? $output : $error =~ s/^.*?(?:ERROR):\s+(\w+): (.*?)\n.*/$1 $2/sr;
}

my $standby = standby_of('standby', $primary, 'backup');
$primary->wait_for_catchup($standby);

# ---- What was written is there when the standby says so. All in sessions that stay, so that nothing is slow.
my ($writer, $reader) = map { $_->background_psql('postgres') } $primary, $standby;
my ($stale, $waited) = (0, 0);
for my $round (1 .. 50)
{
    my $written = $writer->query($append);
    my $token = $writer->query('SELECT goes_write_token()');
    $waited++ if $reader->query("SELECT goes_wait_for('$token', wait_ms => 0)") ne 't';
    my $told = $reader->query("SELECT goes_wait_for('$token', wait_ms => $patience)");
    $stale++ if $told ne 't' || $reader->query($version) < $written;
}
is($stale, 0, "50 writes were seen on the standby, $waited of them not at once");

# Nothing that comes later has to bring it there: no other record behind one that ends a segment or a page, nobody
# else's flush of what was committed asynchronously, or written by a transaction that is still open. Servers write
# something of their own now and then, so each is tried until one of its waits ended without that.
my $fill_page = q{
    DO $$
    BEGIN
        FOR n IN 1 .. 20000 LOOP
            PERFORM pg_logical_emit_message(false, 'filler', repeat('x', 8 * (n % 10)));
            EXIT WHEN mod(pg_current_wal_insert_lsn() - '0/0', current_setting('wal_block_size')::numeric) = 24;
        END LOOP;
    END
    $$};
for my $case (
    [ 'a record that ends a segment', 'SELECT pg_switch_wal()' ],
    [ 'a record that ends a page', $fill_page ],
    [ 'an asynchronous commit', "SET synchronous_commit = off; $append; RESET synchronous_commit" ],
    [ 'an open transaction', 'BEGIN; INSERT INTO events (id, name, time) VALUES (gen_random_uuid(), \'open\', 1)' ])
{
    my $alone = 0;
    for my $try (1 .. 5)
    {
        my $other = $primary->background_psql('postgres');
        $other->query($case->[1]);
        my $token = $writer->query('SELECT goes_write_token()');
        my $written = $writer->query('SELECT pg_current_wal_insert_lsn()');
        $reader->query("SELECT goes_wait_for('$token', wait_ms => $patience)") eq 't' or BAIL_OUT("nobody gets to $token");
        $alone = $writer->query('SELECT pg_current_wal_insert_lsn()') eq $written;
        $other->quit;
        last if $alone;
    }
    ok($alone, "$case->[0] gets to the standby without anything behind it");
}

# ---- With replay paused the standby says that it is behind, after the wait and no sooner.
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$standby->poll_query_until('postgres', q{SELECT pg_get_wal_replay_pause_state() = 'paused'}) or BAIL_OUT('replay goes on');
my $before = $reader->query($version);
$writer->query($append);
my $token = $writer->query('SELECT goes_write_token()');
my $start = time();
is($reader->query("SELECT goes_wait_for('$token', wait_ms => 300)"), 'f', 'replay is paused: not in time');
cmp_ok(time() - $start, '>=', 0.3, 'which takes as long as was said');
is($reader->query($version), $before, 'and nothing was promised');
like(said($standby, "SET statement_timeout = '100ms'; SELECT goes_wait_for('$token', wait_ms => 60000)"), qr/^57014/, 'a wait can be cancelled');

# Who waits sees it in the next statement, however long ago the first one began.
$reader->query_until(qr/begun/, "\\echo begun\nSELECT goes_wait_for('$token', wait_ms => 60000);\n");
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
is($reader->query($version) =~ s/.*\n//sr, $before + 1, 'resumed: the next statement sees it');
is($standby->safe_psql('postgres', "BEGIN; SELECT goes_wait_for('$token'); $version; COMMIT"), "t\n" . ($before + 1), 'also in a transaction');
like(said($standby, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT goes_wait_for('$token')"), qr/^25001/, 'but not with one snapshot for all');

# ---- Errors that say what to do.
like(said($standby, 'SELECT goes_write_token()'), qr/^25006 a standby has no token/, 'a standby has no token');
my $other = PostgreSQL::Test::Cluster->new('other');
{
    delete local $ENV{INITDB_TEMPLATES};
    $other->init(allows_streaming => 1);
}
$other->start;
$other->safe_psql('postgres', 'CREATE EXTENSION goes_store; SELECT goes_create_store()');
like(said($standby, "SELECT goes_wait_for('" . $other->safe_psql('postgres', 'SELECT goes_write_token()') . "')"),
    qr/^22023 the token is of another system/, 'a token of another system');
like(said($other, "SELECT goes_wait_for('$token')"), qr/^22023 the token is of another system/, 'which is known on a primary, too');
$other->stop;

# ---- After a promotion.
my $second = standby_of('second', $primary, 'backup');
$primary->wait_for_catchup($_) for $standby, $second;
my $old = $writer->query("$append;\nSELECT goes_write_token()") =~ s/.*\n//sr;
$primary->wait_for_catchup($_) for $standby, $second;
$_->quit for $writer, $reader;
# The second one can follow the first only while it has nothing that the first lacks, and a primary writes
# something of its own now and then.
$second->append_conf('postgresql.conf', "primary_conninfo = ''");
$second->reload;
$second->poll_query_until('postgres', 'SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)') or BAIL_OUT('it receives on');
my $received = $second->safe_psql('postgres', 'SELECT pg_last_wal_receive_lsn()');
$standby->poll_query_until('postgres', "SELECT pg_last_wal_replay_lsn() >= '$received'") or BAIL_OUT("nobody gets to $received");
$standby->promote;
is(said($standby, "SELECT goes_wait_for('$old', wait_ms => 60000) IS NULL"), 't', 'promoted: a token of the old timeline says nothing here');
my $new = $standby->safe_psql('postgres', "$append; SELECT goes_write_token()") =~ s/.*\n//sr;
isnt((split(/:/, $new))[1], (split(/:/, $old))[1], 'a new token is of the new timeline');
is(said($standby, "SELECT goes_wait_for('$new', wait_ms => 0)"), 't', 'which the new primary has');
is(said($primary, "SELECT goes_wait_for('$new', wait_ms => 60000) IS NULL"), 't', 'and the old one, which still runs, never will');

# A standby that is still on the old timeline may yet get to the new one, and then knows nothing of the old.
is(said($second, "SELECT goes_wait_for('$new', wait_ms => 50)"), 'f', 'a standby of the old primary is behind');
$second->enable_streaming($standby);
$second->restart;
is(said($second, "SELECT goes_wait_for('$new', wait_ms => 60000)"), 't', 'and gets there as soon as it follows the new one');
is(said($second, "SELECT goes_wait_for('$old', wait_ms => 60000) IS NULL"), 't', 'where a token of the old timeline says nothing');

$_->stop for $second, $standby, $primary;
done_testing();
