# pg_upgrade keeps stores that are in the middle of their work. OLD_SERVER names the folder of an older PostgreSQL
# that has the extension (tools/test-pg-upgrade); without it the old server is one like the new one.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Stores;
use Test::More;

# Starts a server as a standby of nobody, and promotes it: it is on a timeline of its own then.
sub begin_timeline
{
    my ($node) = @_;
    $node->stop if -e $node->data_dir . '/postmaster.pid';
    $node->set_standby_mode;
    $node->start;
    $node->promote;
    $node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'the server is not promoted';
    return;
}

# Makes a server that can be promoted. For one with streaming Cluster.pm writes settings that an older one lacks.
sub make_server
{
    my ($name, @options) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name, @options);
    $node->init(extra => ['--data-checksums']);
    $node->append_conf('postgresql.conf', "wal_level = replica\n");
    return $node;
}

sub claimed_epoch
{
    my ($node) = @_;
    $node->safe_psql('shop', q{UPDATE shop.subscriptions_partitions SET lease_until = now() - interval '1 s' WHERE worker IS NOT NULL});
    return $node->safe_psql('shop', q{SELECT DISTINCT epoch FROM goes_claim('mails', 'w', 1, store => 'shop.subscriptions')});
}

sub timeline_of
{
    my ($node) = @_;
    return $node->safe_psql('shop', 'SELECT timeline_id FROM pg_control_checkpoint()');
}

# ---- Before: a server that has had a failover.

my $old = make_server('old', $ENV{OLD_SERVER} ? (install_path => $ENV{OLD_SERVER}) : ());
$old->start;
begin_timeline($old);
$old->safe_psql('postgres', 'CREATE DATABASE shop');
$old->safe_psql('shop', 'CREATE EXTENSION goes_store; CHECKPOINT');
is(timeline_of($old), '2', 'the old server is on its second timeline');
fill_stores($old, 'shop');
my @cursor = feed_cursor($old, 'shop');
my $rows   = rows_of_stores($old, 'shop');
my $epoch  = $old->safe_psql('shop', q{SELECT epoch FROM shop.subscriptions_partitions WHERE subscription = 'mails'});
cmp_ok($epoch, '>', 1_000_000_000_000, 'and so are its epochs');
$old->stop;

# ---- The upgrade.

my $new = make_server('new');
command_ok(
    [   'pg_upgrade', '--no-sync', '--old-datadir', $old->data_dir, '--new-datadir', $new->data_dir,
        '--old-bindir', $old->config_data('--bindir'), '--new-bindir', $new->config_data('--bindir'),
        '--socketdir', $new->host, '--old-port', $old->port, '--new-port', $new->port ],
    sprintf('pg_upgrade from %s to %s', $old->pg_version, $new->pg_version));
$new->start;

# ---- After.

is(timeline_of($new), '1', 'timelines begin anew');
is(rows_of_stores($new, 'shop'), $rows, 'every row is as it was');
stores_go_on($new, 'shop', @cursor);

my $id = $new->safe_psql('shop', 'SELECT id FROM shop.orders_feed');
$new->safe_psql('shop', q{SELECT goes_alter_store('shop.orders', feed => true)});
is($new->safe_psql('shop', 'SELECT id FROM shop.orders_feed'), $id, 'the owner confirms the feed, and it goes on');

# A failover after the upgrade loses a claim. The server is on its second timeline again, as before the upgrade,
# and yet no number comes twice.
$new->stop;
system_or_bail('cp', '-r', $new->data_dir, $new->data_dir . '.standby');
$new->start;
my $lost = claimed_epoch($new);
$new->stop('immediate');
system_or_bail('mv', $new->data_dir, $new->data_dir . '.lost');
system_or_bail('mv', $new->data_dir . '.standby', $new->data_dir);
begin_timeline($new);
my $taken = claimed_epoch($new);
cmp_ok($lost, '>', $epoch, 'epochs go on behind those from before');
cmp_ok($taken, '>', $lost, 'no number comes twice, although a failover has lost a claim');
my ($status, $output, $error) = $new->psql('shop', "SELECT goes_done('mails', 0, $lost, '{}', store => 'shop.subscriptions')");
like($error, qr/lease on partition 0 of subscription "mails" is lost/, 'and its worker comes too late');

$new->stop;
done_testing();
