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

# Minor releases write versions of columns into pg_attribute that a new server of an older minor release refuses, in
# any table: pg_upgrade from 17.12 to 18.6 fails without goes_store, too. What that server cannot read is taken away.
sub drop_column_versions
{
    my ($old, $new) = @_;
    my $versions = q{SELECT count(*) > 0 FROM pg_attribute WHERE attoptions::text LIKE '%pg\_attver%'};
    $new->start;
    my $is_known = $new->safe_psql('postgres', $versions);
    $new->stop;
    return if $is_known eq 't' || $old->safe_psql('shop', $versions) eq 'f';
    note(sprintf('%s does not know the versions of columns that %s writes', $new->pg_version, $old->pg_version));
    $old->safe_psql('shop', 'UPDATE pg_attribute SET attoptions = NULL WHERE attrelid >= 16384');
    return;
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

# ---- The upgrade.

my $new = make_server('new');
drop_column_versions($old, $new);
$old->stop;
my $is_upgraded = run_log(
    [   'pg_upgrade', '--no-sync', '--old-datadir', $old->data_dir, '--new-datadir', $new->data_dir,
        '--old-bindir', $old->config_data('--bindir'), '--new-bindir', $new->config_data('--bindir'),
        '--socketdir', $new->host, '--old-port', $old->port, '--new-port', $new->port ]);
ok($is_upgraded, sprintf('pg_upgrade from %s to %s', $old->pg_version, $new->pg_version))
  or BAIL_OUT(join("\n", grep { /error/i } map { split(/\n/, slurp_file($_)) }
          glob($new->data_dir . '/pg_upgrade_output.d/*/log/pg_upgrade_dump_*.log')));
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
