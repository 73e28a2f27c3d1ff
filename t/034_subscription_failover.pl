# A standby that takes over may lack claims, and so may a backup that is restored to a moment. Workers
# that have leases of those come too late all the same: what they say is not taken for what the workers
# say that have the events now.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1, has_archiving => 1);
$primary->append_conf('postgresql.conf', "autovacuum = off\n");
$primary->start;
$primary->safe_psql('postgres', q{
    CREATE EXTENSION goes_store;
    SELECT goes_create_store(), goes_alter_store(feed => true), goes_create_subscription_store();
    SELECT goes_subscribe('one', partitions => 1), goes_subscribe('gone', partitions => 1);
    INSERT INTO events (id, name, time) SELECT gen_random_uuid(), 'e', n FROM generate_series(1, 3) AS n});
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

sub claim
{
    my ($node, $name, $worker) = @_;
    return $node->safe_psql('postgres', qq{
        UPDATE subscriptions_partitions SET lease_until = now() WHERE subscription = '$name' AND worker IS NOT NULL;
        SELECT string_agg(epoch || ':' || position, ' ' ORDER BY position) FROM goes_claim('$name', '$worker', 3)});
}

sub said_of
{
    my ($node, $name, $epoch) = @_;
    $node->psql('postgres', "\\set VERBOSITY verbose
        SELECT goes_done('$name', 0, $epoch, done => '{1,2,3}')", stderr => \my $error);
    return $error;
}

is(claim($primary, 'one', 'first'), '1:1 1:2 1:3', 'a claim');
$primary->safe_psql('postgres', q{SELECT pg_create_restore_point('before')});
# The restore point may be inserted and not written yet.
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
$standby->stop;
is(claim($primary, 'one', 'second'), '2:1 2:2 2:3', 'a claim that will be lost');
is(claim($primary, 'gone', 'third'), '1:1 1:2 1:3', 'another one');
$primary->safe_psql('postgres', q{SELECT goes_unsubscribe('gone'), goes_subscribe('gone', partitions => 1)});
is(claim($primary, 'gone', 'fourth'), '2:1 2:2 2:3', 'one of a subscription that was made anew');
my $segment = $primary->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_lsn())');
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
$primary->poll_query_until('postgres', "SELECT last_archived_wal >= '$segment' FROM pg_stat_archiver") or die 'nothing is archived';
$primary->stop('immediate');

# ---- The standby has the first claim, and so has the restored backup. Somebody else claims, and then comes the second worker.
sub check_late_workers
{
    my ($node, $timeline) = @_;
    my $before = $timeline - 1;
    is(claim($node, 'one', 'third'), join(' ', map { "${before}000000000001:$_" } 1 .. 3), "timeline $timeline: a claim has a number of its own");
    like(said_of($node, 'one', 2), qr/VE005.*The newest lease is ${before}000000000001, and not 2/s, "timeline $timeline: the worker whose claim was lost comes too late");
    is(claim($node, 'gone', 'fifth'), join(' ', map { "${before}000000000001:$_" } 1 .. 3), "timeline $timeline: a claim of a subscription that is not removed here");
    like(said_of($node, 'gone', $_), qr/VE005/, "timeline $timeline: lease $_ is lost") for 1, 2;
    $node->safe_psql('postgres', q{SELECT goes_unsubscribe('gone'), goes_subscribe('gone', partitions => 1)});
    is(claim($node, 'gone', 'sixth'), join(' ', map { "${before}000000000002:$_" } 1 .. 3), "timeline $timeline: made anew it goes on behind that");
    is(said_of($node, 'one', "${before}000000000001"), '', "timeline $timeline: who has the events says that they are done");
    return;
}

$standby->start;
$standby->promote;
check_late_workers($standby, 2);
$standby->stop;

my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($primary, 'backup', has_restoring => 1);
$restored->append_conf('postgresql.conf', "recovery_target_name = 'before'\nrecovery_target_action = 'promote'\n");
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
check_late_workers($restored, 3);
$restored->stop;
done_testing();
