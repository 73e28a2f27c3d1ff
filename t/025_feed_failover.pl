# What a failover does to the feed: with synchronous replication nothing is delivered that the standby
# does not have, and no cursor goes further than its sequence. Without it, a standby that takes over may lack
# events that were delivered: readers go on with those that follow, or learn that the feed was rewound.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $insert = "INSERT INTO %s (id, name, time) SELECT gen_random_uuid(), 'e', n FROM generate_series(1, %d) AS n";

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "max_prepared_transactions = 10\nautovacuum = off\n");
$primary->start;
$primary->safe_psql('postgres', q{
    CREATE EXTENSION goes_store;
    SELECT goes_create_store(name), goes_alter_store(name, feed => true) FROM unnest(ARRAY['events', 'few', 'many']) AS name});
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

sub set_synchronous
{
    my ($names) = @_;
    $primary->safe_psql('postgres', $_) for "ALTER SYSTEM SET synchronous_standby_names = '$names'", 'SELECT pg_reload_conf()';
    $primary->poll_query_until('postgres', "SHOW synchronous_standby_names", $names);
    return;
}

# What a reader gets behind a cursor: positions, and the cursor.
sub page
{
    my ($node, $cursor, $arguments) = @_;
    my $result = $node->psql('postgres', "\\set VERBOSITY verbose
        SELECT string_agg(position::text, ' ' ORDER BY position) FROM goes_feed($cursor, $arguments)", stdout => \my $page, stderr => \my $error);
    return $page eq '' ? $error : $page;
}

sub wait_for_standby_commit
{
    my ($count) = @_;
    return $primary->poll_query_until('postgres', "SELECT count(*) = $count FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
}

# ---- Synchronous: the standby is away, and commits wait for it.
$primary->wait_for_catchup($standby);
set_synchronous('standby');
$primary->safe_psql('postgres', sprintf($insert, 'events', 2));
is(page($primary, 0, "store => 'events'"), '1 2 2', 'the standby has it');
$standby->stop;
my @sessions = map { $primary->background_psql('postgres') } 1 .. 3;
$sessions[0]->query_until(qr/go/, "\\echo go\n" . sprintf($insert, 'events', 1) . ";\n");
wait_for_standby_commit(1);
$sessions[1]->query_until(qr/go/, "\\echo go\nSET synchronous_commit = local; " . sprintf($insert, 'events', 1) . ";\n\\echo done\n");
$sessions[1]->query('SELECT 1');
is(page($primary, 2, "store => 'events'"), '2', 'what waits for the standby is not delivered, nor what is behind it');
is($primary->safe_psql('postgres', 'SELECT count(*) FROM events'), 3, 'though that is stored');
is($primary->safe_psql('postgres', 'SELECT pid FROM goes_feed_writers()'),
    $primary->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"), 'which goes_feed_writers tells');
$standby->start;
$sessions[0]->query('SELECT 1');
is(page($primary, 2, "store => 'events'"), '3 4 4', 'the standby is back');
$primary->safe_psql('postgres', 'SELECT goes_feed_settle()');
$primary->wait_for_catchup($standby);
is(page($standby, 2, "store => 'events'"), '3 4 4', 'and has it');
$_->quit for @sessions;

# ---- A transaction that is rolled back waits for nobody. While the standby lacks the numbers that it has drawn, they
# would be drawn again after a failover.
my $drawn = $primary->safe_psql('postgres', 'SELECT goes_feed_position()');
$standby->stop;
$primary->safe_psql('postgres', 'BEGIN; ' . sprintf($insert, 'events', 100) . '; ROLLBACK');
is($primary->safe_psql('postgres', 'SELECT goes_feed_position()'), $drawn, 'rolled back: the cursor stays at what the standby has');
is(page($primary, $drawn, "store => 'events'"), $drawn, 'rolled back: and so does that of a page');
$standby->start;
$primary->wait_for_catchup($standby);
ok($primary->poll_query_until('postgres', "SELECT goes_feed_position() = $drawn + 100"), 'rolled back: the standby has them, and readers go on');
set_synchronous('');

# ---- Asynchronous: the primary is lost with events that were delivered.
$primary->safe_psql('postgres', sprintf($insert, $_, 5)) for 'few', 'many';
$primary->safe_psql('postgres', "SELECT goes_feed_settle('$_')") for 'few', 'many';
$primary->wait_for_catchup($standby);
$standby->stop;
$primary->safe_psql('postgres', sprintf($insert, 'few', 10));
$primary->safe_psql('postgres', sprintf($insert, 'many', 100));
my %id;
for my $store ('few', 'many')
{
    my $cursor = $primary->safe_psql('postgres', "SELECT position, id FROM goes_feed(store => '$store') WHERE name IS NULL");
    (my $position, $id{$store}) = split(/\|/, $cursor);
    is($position, $store eq 'few' ? 15 : 105, "$store: delivered");
}
$primary->stop('immediate');
$standby->start;
$standby->promote;

# The sequence on a standby runs ahead: these numbers are not drawn again.
is(page($standby, 15, "store => 'few'"), '33', 'few: a cursor among the lost goes on');
$standby->safe_psql('postgres', sprintf($insert, 'few', 2));
is(page($standby, 15, "after_id => '$id{few}', store => 'few'"), '34 35 35', 'few: with all that follow');
is(page($standby, 5, "store => 'few'"), '34 35 35', 'few: and so does one behind them');

like(page($standby, 105, "store => 'many'"), qr/VE006.*beyond the end/, 'many: a cursor beyond the end');
$standby->safe_psql('postgres', sprintf($insert, 'many', 100));
like(page($standby, 105, "after_id => '$id{many}', store => 'many'"), qr/VE006/, 'many: one whose position has another event');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM goes_feed(5, store => 'many') WHERE name IS NOT NULL}), 100, 'many: one behind them gets all');

$standby->stop;
done_testing();
