# Workers that wait: whatever gives them something to do wakes one of them, that one wakes the next,
# nothing is locked meanwhile, and what becomes of the subscription ends the wait.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Feed;
use Test::More;
use Time::HiRes qw(time usleep);

start_server();
my %pids;

# Makes a store with a subscription.
sub new_subscription
{
    my ($arguments) = @_;
    new_store();
    in_session('setup', "
        SELECT goes_create_subscription_store('${store}_s');
        SELECT goes_subscribe('one', events => '$store', store => '${store}_s' $arguments)");
    return;
}

sub claim
{
    my ($worker, $most, $arguments) = @_;
    return "SELECT position FROM goes_claim('one', '$worker', $most, store => '${store}_s' $arguments)";
}

# Does a worker wait, or has it come back?
sub is_waiting
{
    my ($worker) = @_;
    $node->poll_query_until('postgres',
        "SELECT state <> 'active' OR wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pids{$worker}")
      or BAIL_OUT("$worker neither waits nor comes back");
    return $node->safe_psql('postgres', "SELECT state = 'active' FROM pg_stat_activity WHERE pid = $pids{$worker}") eq 't';
}

# Has a worker wait for one event, longer than any test takes.
sub start_waiting
{
    my ($worker) = @_;
    $pids{$worker} //= in_session($worker, 'SELECT pg_backend_pid()');
    start_in_session($worker, "\\set VERBOSITY verbose\n" . claim($worker, 1, ', wait_ms => 60000'));
    $node->poll_query_until('postgres',
        "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pids{$worker}") or BAIL_OUT("$worker does not wait");
    return;
}

# What a worker's wait has ended with.
sub has_got
{
    my ($worker) = @_;
    return finish_in_session($worker);
}

# Ends a worker's wait without anything.
sub stop_waiting
{
    my ($worker) = @_;
    $node->safe_psql('postgres', "SELECT pg_cancel_backend($pids{$worker})");
    like(has_got($worker), qr/57014/, "$worker is canceled");
    return;
}

# What the worker says that has a partition.
sub say
{
    my ($what, $arguments) = @_;
    return qq{SELECT $what('one', "partition", epoch, store => '${store}_s' $arguments) FROM ${store}_s_partitions WHERE worker IS NOT NULL};
}

# ---- What gives workers something to do.
new_subscription(', partitions => 1, backoff_ms => 300, max_attempts => 2');
start_waiting('a');
in_session('b', insert(1));
is(has_got('a'), '1', 'an event');
in_session('b', say('goes_done', ", done => '{1}'"));

start_waiting('a');
in_session('b', 'BEGIN; ' . insert(2));
usleep(50_000);
ok(is_waiting('a'), 'an open transaction is none of it');
in_session('b', 'COMMIT');
is(has_got('a'), '2', 'but its end is');
start_waiting('c');
in_session('b', say('goes_release', ''));
is(has_got('c'), '2', 'a worker that gives up');
start_waiting('a');
in_session('b', say('goes_done', ", failed => '{2}'"));
is(has_got('a'), '3', 'a partition that is free');
start_waiting('c');
in_session('b', say('goes_done', ", done => '{3}'"));
is(has_got('c'), '2', 'the next attempt of an event that failed');
start_waiting('a');
in_session('b', say('goes_done', ", failed => '{2}'"));
usleep(50_000);
ok(is_waiting('a'), 'a parked event is none of it');
in_session('b', "SELECT goes_unpark('one', '{2}', '${store}_s')");
is(has_got('a'), '2', 'but its unparking is');
start_waiting('c');
in_session('b', "UPDATE ${store}_s_partitions SET lease_until = now() + interval '1 s'");
is(has_got('c'), '2', 'the end of a lease');
in_session('b', say('goes_done', ", done => '{2}'"));
start_waiting('a');
in_session('b', "SELECT goes_rewind('one', 2, '${store}_s')");
is(has_got('a'), '3', 'a rewind');
in_session('b', say('goes_done', ", done => '{3}'"));

# The same by transactions that fire no trigger.
start_waiting('a');
in_session('b', 'SET session_replication_role = replica; ' . insert(1) . 'RESET session_replication_role');
is(has_got('a'), '4', 'an event without triggers');
start_waiting('c');
in_session('b', 'BEGIN; ' . say('goes_done', ", done => '{4}'") . '; ' . insert(1) . "PREPARE TRANSACTION 'p'");
in_session('b', "COMMIT PREPARED 'p'");
is(has_got('c'), '5', 'COMMIT PREPARED');
in_session('b', say('goes_done', ", done => '{5}'"));

# ---- An event wakes one worker, and that one the next, who may find that there is nothing left and comes
# back without an event.
my @workers = map { "worker$_" } 1 .. 6;
my @waiting;

# Stores one event while all of them wait, and notes who waits on.
sub wake_one
{
    new_subscription(', partitions => 16');
    start_waiting($_) for @workers;
    in_session('b', insert(1));
    $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM ${store}_s_partitions WHERE worker IS NOT NULL");
    usleep(50_000);
    @waiting = grep { is_waiting($_) } @workers;
    return @waiting >= 4;
}

# On a busy machine a claim may take so long that several look meanwhile.
for (1 .. 9)
{
    last if wake_one();
    my %is_waiting = map { $_ => 1 } @waiting;
    $is_waiting{$_} ? stop_waiting($_) : has_got($_) for @workers;
    @waiting = ();
}
ok(@waiting >= 4 || wake_one(), 'one event: the others wait on');
my %is_waiting = map { $_ => 1 } @waiting;
is(join('', map { has_got($_) } grep { !$is_waiting{$_} } @workers), '1', 'one event: one of them has it');
in_session('b', insert(40));
my %got = map { has_got($_) => 1 } @waiting;
is(scalar(grep { /^\d+$/ && $_ > 1 } keys %got), scalar @waiting, 'many events: each of the others has one of its own');
in_session('b', "SELECT goes_rewind('one', -1, '${store}_s')");

# Two subscriptions: a wake-up for each.
in_session('setup', "SELECT goes_subscribe('two', events => '$store', store => '${store}_s', start => -1)");
$pids{two} = in_session('two', 'SELECT pg_backend_pid()');
start_waiting('a');
start_in_session('two', "SELECT position FROM goes_claim('two', 'two', 1, wait_ms => 60000, store => '${store}_s')");
$node->poll_query_until('postgres', "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pids{two}");
in_session('b', insert(1));
is(has_got('a') . ' ' . has_got('two'), '42 42', 'two subscriptions: a worker of each');

# ---- What a wait does not do.
new_subscription(", partitions => 2, names => '{rare}'");
start_waiting('a');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE pid = $pids{a} AND locktype = 'relation'"), '0', 'no relation stays locked');
in_session('b', "ALTER TABLE ${store}_s ADD COLUMN more integer; ALTER TABLE ${store}_s_partitions SET (fillfactor = 40)");
in_session('b', "VACUUM (FULL, ANALYZE) $store; VACUUM (FULL, ANALYZE) ${store}_s_partitions");
in_session('b', insert(5));
usleep(50_000);
ok(is_waiting('a'), 'events that pass no filter are none of it');
in_session('b', insert(1) =~ s/'e'/'rare'/r);
is(has_got('a'), '6', 'the one that does comes');
my $begun = time();
is(in_session('a', claim('a', 1, ', wait_ms => 300')), '', 'nothing to do: no row');
cmp_ok(time() - $begun, '>=', 0.3, 'nothing to do: at the end of the time');
in_session('b', insert(5));
is(in_session('a', claim('a', 1, ', wait_ms => 100')), '', 'events that pass no filter: no row');
is($node->safe_psql('postgres', qq{SELECT max("position") FROM ${store}_s_partitions}), '11', 'events that pass no filter: the checkpoint is past them');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0', 'no lock is left');

# Set back to before what a worker has seen while it waits.
in_session('b', say('goes_done', ", done => '{6}'"));
start_waiting('a');
in_session('b', insert(1));
usleep(50_000);
ok(is_waiting('a'), 'seen while waiting');
$begun = time();
in_session('b', "SELECT goes_rewind('one', 0, '${store}_s')");
is(has_got('a'), '6', 'a rewind to before what was seen');
cmp_ok(time() - $begun, '<', 30, 'a rewind to before what was seen: it is noticed at once');

# A worker that ends while it waits leaves its turn to another one.
new_subscription(', partitions => 4');
start_waiting($_) for 'gone', 'c';
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pids{gone})");
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pids{gone}");
in_session('b', insert(1));
is(has_got('c'), '1', 'a worker that is gone takes no wake-up with it');

# ---- What ends a wait with an error.
for my $case (
    [ 'SELECT pg_cancel_backend(PID)', qr/57014/, 'a cancel' ],
    [ q{SELECT goes_unsubscribe('one', 'STORE_s')}, qr/42704.*subscription "one" does not exist/s, 'no subscription any more' ],
    [ q{SELECT goes_alter_store('STORE', feed => true)}, qr/VE006/, 'the feed was rewound' ],
    [ 'DROP TABLE STORE', qr/42P01.*(was dropped|does not exist any more)/s, 'the events are gone' ],
    [ 'DROP TABLE STORE_s_retries', qr/42P01/, 'the subscriptions are gone' ])
{
    my ($sql, $error, $what) = @$case;
    new_subscription(', partitions => 1');
    start_waiting('a');
    in_session('b', "TRUNCATE $store RESTART IDENTITY") if $what =~ /rewound/;
    in_session('b', $sql =~ s/STORE/$store/r =~ s/PID/$pids{a}/r);
    like(has_got('a'), $error, $what);
    is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0', "$what: no lock is left");
}

done_testing();
