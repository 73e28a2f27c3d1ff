# A worker acts on its lease, so a claim outlives the server whatever synchronous_commit says, with the
# events that were handed out. What goes_done says may be lost with its effects, and only with them.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Feed;
use Test::More;

start_late_server();

# What a session says that does not wait for WAL, before the server is killed.
sub said_in_haste
{
    return said_before_kill('SET synchronous_commit = off', @_);
}

# Makes a store with a subscription, one partition and a table for effects. What comes first is on disk.
sub new_subscription
{
    my ($arguments) = @_;
    new_store();
    in_session('setup', "
        SELECT goes_create_subscription_store('${store}_s');
        SELECT goes_subscribe('one', partitions => 1, events => '$store', store => '${store}_s' $arguments);
        CREATE TABLE ${store}_effects (position bigint);
        CHECKPOINT");
    return;
}

# Events of one aggregate, so that they keep their order.
sub add
{
    my ($count) = @_;
    return "INSERT INTO $store (id, name, time, aggregate_name, aggregate_id)
        SELECT gen_random_uuid(), 'e', n, 'order', '00000000-0000-4000-8000-000000000001' FROM generate_series(1, $count) AS n";
}

sub claim
{
    my ($worker) = @_;
    return "SELECT epoch, position, attempts, name FROM goes_claim('one', '$worker', 100, lease_ms => 3600000, store => '${store}_s')";
}

# What is done and its effects, in one transaction.
sub done
{
    my ($epoch, $positions, $more) = @_;
    return "BEGIN; INSERT INTO ${store}_effects SELECT unnest('$positions'::bigint[]);
        SELECT goes_done('one', 0, $epoch, '$positions', store => '${store}_s' $more); COMMIT";
}

sub partition_state
{
    return in_session('b', qq{SELECT "position", epoch, worker, batch, handed, deliveries FROM ${store}_s_partitions});
}

# As if the lease were over.
sub end_lease
{
    return "UPDATE ${store}_s_partitions SET lease_until = now() - interval '1 s' WHERE worker IS NOT NULL";
}

sub effects
{
    return in_session('b', "SELECT string_agg(position::text, ' ' ORDER BY position) FROM ${store}_effects");
}

# ---- Events that were stored without waiting are handed out, and the server is killed.
new_subscription('');
is(said_in_haste(add(3), claim('w1')), "1|1|0|e\n1|2|0|e\n1|3|0|e", 'claimed: events');
is(partition_state(), '3|1|w1|{1,2,3}|3|1', 'claimed: the worker has them still');
is(in_session('b', "SELECT count(*) FROM $store"), 3, 'claimed: they are there');
is(in_session('b', claim('w2')), '', 'claimed: nobody else gets them');
in_session('b', done(1, '{1,2,3}', ''));
is(effects(), '1 2 3', 'claimed: they can be done');

# ---- The server is killed after goes_done, which did not wait: it is lost with its effects, or neither is.
new_subscription('');
in_session('b', add(4));
in_session('b', claim('w1'));
said_in_haste(done(1, '{1,2}', ''), done(1, '{3}', ", failed => '{4}'"));
my %wholes = (
    ''      => "4|1|w1|{1,2,3,4}|4|1\n0",
    '1 2'   => "4|1|w1|{3,4}|2|1\n0",
    '1 2 3' => "4|1||{}|0|0\n1");
my $effects = effects();
is(partition_state() . "\n" . in_session('b', "SELECT count(*) FROM ${store}_s_retries"), $wholes{$effects}, "done without waiting: only '$effects' is left of it");
in_session('b', "UPDATE ${store}_s_retries SET retry_at = now(); UPDATE ${store}_s_partitions SET look_at = now() WHERE look_at IS NOT NULL");
in_session('b', end_lease());
my ($epoch) = in_session('b', claim('w2')) =~ /^(\d+)/;
in_session('b', done($epoch, '{' . join(',', grep { $effects !~ /$_/ } 1 .. 4) . '}', ''));
is(effects(), '1 2 3 4', 'done without waiting: it is done once in the end');

# ---- The next claim makes it last.
new_subscription('');
in_session('b', add(2));
in_session('b', claim('w1'));
is(said_in_haste(done(1, '{1,2}', ''), add(1), claim('w1')), '2|3|0|e', 'claimed behind it: an event');
is(partition_state(), '3|2|w1|{3}|1|1', 'claimed behind it: what was done stays done');
is(effects(), '1 2', 'claimed behind it: with its effects');

# ---- The server is killed after goes_done, which has waited.
new_subscription(", max_attempts => 1");
in_session('b', add(4));
in_session('b', claim('w1'));
said_in_haste('SET synchronous_commit = on; ' . done(1, '{1}', ", failed => '{2}', errors => '{no printer}'"));
is(partition_state(), '4|1||{}|0|0', 'done: the checkpoint stays, and nothing is open');
is(effects(), '1', 'done: with its effects');
is(in_session('b', "SELECT position, error, waiting FROM goes_parked('one', '${store}_s')"), '2|no printer|2', 'done: with what failed and waits');

# ---- Whoever has seen the effects of a worker knows that it had its lease: a second one has another epoch.
new_subscription('');
in_session('b', add(1));
in_session('b', claim('w1'));
in_session('b', end_lease());
is(said_in_haste(claim('w2')), '2|1|1|e', 'taken over: by a second worker');
like(in_session('b', done(1, '{1}', '')), qr/the lease on partition 0 of subscription "one" is lost/, 'taken over: the first comes too late');
in_session('b', 'ROLLBACK');
in_session('b', done(2, '{1}', ''));
is(effects(), '1', 'taken over: and the second does it');

# ---- A subscription is made anew under its name, and the server is killed: its leases go on behind those of the old one.
new_subscription('');
in_session('b', add(1));
in_session('b', claim('w1'));
my $anew = "SELECT goes_unsubscribe('one', '${store}_s'); SELECT goes_subscribe('one', partitions => 1, events => '$store', store => '${store}_s')";
is(said_in_haste($anew, claim('w2')), '2|1|0|e', 'made anew: a lease');
is(partition_state(), '1|2|w2|{1}|1|1', 'made anew: it is there');
like(in_session('b', done(1, '{1}', '')), qr/the lease on partition 0 of subscription "one" is lost/, 'made anew: a worker of the old one comes too late');
in_session('b', 'ROLLBACK');
said_in_haste($anew, $anew);
in_session('b', $anew);
like(in_session('b', claim('w3')), qr/^3\|/, 'made anew: the highest number outlives the server, or the removal does not');

# ---- An event of which the whole server dies is found like one of which workers die, since claims are
# counted before anything is handed out.
new_subscription(", max_attempts => 2");
in_session('b', add(1) . ';' . add(2) =~ s/000000000001/000000000002/r);
for my $expected ("1|1|0|e\n1|2|0|e\n1|3|0|e", "2|1|1|e\n2|2|1|e\n2|3|1|e", '3|1|2|e', '4|1|3|e')
{
    is(said_in_haste(claim('w')), $expected, 'crash after crash: ' . $expected =~ s/\n/, /gr);
    in_session('b', end_lease());
}
is(said_in_haste(claim('w')), '5|2|2|e', 'crash after crash: it is parked, the next one comes alone');
is(in_session('b', "SELECT position, attempts, error FROM goes_parked('one', '${store}_s')"), '1|2|worker died', 'crash after crash: with the reason');

# ---- A claim that finds nothing for the worker need not last.
new_subscription(", names => '{other}'");
is(said_in_haste(add(5), claim('w1')), '', 'no event passes the filter');
like(partition_state(), qr/^[05]\|0\|\|\{\}\|0\|0$/, 'no event passes the filter: the checkpoint is where it was, or further');
in_session('b', add(1) =~ s/'e'/'other'/r);
like(in_session('b', claim('w1')), qr/^1\|\d+\|0\|other$/, 'no event passes the filter: and then one does');

done_testing();
