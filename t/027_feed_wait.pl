# Waiting for news: whoever stores events wakes those who wait, nothing is locked meanwhile, and what
# becomes of the feed or of the waiter ends the wait.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Feed;
use Test::More;
use Time::HiRes qw(time usleep);

start_server();
new_store();
my $cursor = 0;

sub process
{
    my ($name) = @_;
    return in_session($name, 'SELECT pg_backend_pid()');
}

# Has a session wait behind the cursor, longer than any test takes.
sub start_waiting
{
    my ($name) = @_;
    my $pid = process($name);
    start_in_session($name, "\\set VERBOSITY verbose
        SELECT string_agg(position::text, ' ' ORDER BY position) FROM goes_feed($cursor, wait_ms => 60000, store => '$store')");
    $node->poll_query_until('postgres',
        "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pid") or BAIL_OUT("$name does not wait");
    return;
}

# What the wait has ended with. The cursor moves on.
sub has_got
{
    my ($name) = @_;
    my $said = finish_in_session($name);
    $cursor = $1 if $said =~ /(\d+)$/ && $said !~ /ERROR/;
    return $said;
}

# ---- What ends a wait with news.

start_waiting('a');
in_session('b', insert(1));
is(has_got('a'), '1 1', 'an event');

start_waiting($_) for 'a', 'c', 'd';
in_session('b', 'BEGIN; ' . insert(2) . 'SAVEPOINT s; ' . insert(1) . 'ROLLBACK TO s; COMMIT');
is(finish_in_session($_), '2 3 4', "all who wait: $_") for 'c', 'd';
is(has_got('a'), '2 3 4', 'all who wait: a');

in_session('b', 'BEGIN; ' . insert(1) . 'PREPARE TRANSACTION \'p\'');
start_waiting('a');
in_session('b', "COMMIT PREPARED 'p'");
is(has_got('a'), '5 5', 'COMMIT PREPARED, which fires no trigger');

in_session('b', 'BEGIN; ' . insert(1));
in_session('c', insert(1));
start_waiting('a');
in_session('b', 'ROLLBACK');
is(has_got('a'), '7 7', 'the rollback of what came before');

start_waiting('a');
in_session('b', 'SET session_replication_role = replica; ' . insert(1) . 'RESET session_replication_role');
is(has_got('a'), '8 8', 'an event without triggers');

in_session('b', "ALTER TABLE $store DISABLE TRIGGER goes_feed_wake");
start_waiting('a');
in_session('b', insert(1));
is(has_got('a'), '9 9', 'an event of a store whose trigger is disabled');
in_session('b', "ALTER TABLE $store ENABLE TRIGGER goes_feed_wake");

# ---- What a wait does not do.

my $pid = process('a');
start_waiting('a');
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_locks WHERE pid = $pid AND locktype = 'relation'"), 'no relation stays locked');
in_session('b', "ALTER TABLE $store ADD COLUMN more integer");
in_session('b', "ALTER TABLE $store RENAME TO renamed_$store; ALTER TABLE renamed_$store RENAME TO $store");
in_session('b', "REINDEX TABLE $store");
in_session('b', "VACUUM (FULL, ANALYZE) $store");
in_session('b', insert(1));
is(has_got('a'), '10 10', 'the table can be altered meanwhile');

my $begun = time();
is(in_session('a', "SELECT position FROM goes_feed($cursor, wait_ms => 300, store => '$store')"), '10', 'without news: the cursor');
cmp_ok(time() - $begun, '>=', 0.3, 'without news: at the end of the time');
is(in_session('a', "SELECT goes_feed_position($cursor, wait_ms => 10, store => '$store')"), '10', 'and so does goes_feed_position');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0', 'no lock is left');

# ---- What ends a wait with an error.

for my $case (
    [ "SELECT pg_cancel_backend($pid)", qr/57014/, 'a cancel' ],
    [ "REVOKE ALL ON $store FROM CURRENT_USER, waiter", qr/42501/, 'no privilege any more' ],
    [ "SELECT goes_alter_store('$store', feed => false)", qr/55000/, 'the feed is off' ],
    [ "BEGIN; SELECT goes_alter_store('$store', feed => false); SELECT goes_alter_store('$store', feed => true); COMMIT", qr/VE006/, 'the feed is another one' ],
    [ "SELECT setval('${store}_position_seq', 1)", qr/VE006/, 'the sequence is set back' ],
    [ "TRUNCATE $store RESTART IDENTITY", qr/VE006/, 'the sequence is restarted' ],
    [ "DROP TABLE $store", qr/42P01/, 'the table is gone' ])
{
    my ($sql, $error, $what) = @$case;
    if ($what =~ /privilege/)
    {
        in_session('setup', "CREATE ROLE waiter; GRANT SELECT ON $store TO waiter");
        in_session('a', 'SET ROLE waiter');
    }
    in_session('setup', "SELECT goes_alter_store('$store', feed => true)");
    $cursor = in_session('setup', "SELECT goes_feed_position(store => '$store')");
    start_waiting('a');
    in_session('b', $sql);
    like(has_got('a'), $error, $what);
    in_session('a', 'RESET ROLE');
    is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), '0', "$what: no lock is left");
}

# ---- Writers wake those who wait. Whoever fires no trigger wakes nobody, and is found later.

# Naps grow up to 600 ms, which shows the difference on a busy machine, too. The waits are of different lengths,
# so that what is found is not always found at the end of a nap.
my %waiters;
for my $role ('origin', 'replica')
{
    new_store();
    $waiters{$role} = { store => $store, cursor => 0, seconds => [] };
    in_session("writer $role", "SET session_replication_role = $role");
}
for my $round (1 .. 7)
{
    for my $role (sort keys %waiters)
    {
        ($store, $cursor) = @{ $waiters{$role} }{ 'store', 'cursor' };
        start_waiting("waiter $role");
    }
    usleep(6_000_000 + 80_000 * $round);
    for my $role (sort keys %waiters)
    {
        my $waiter = $waiters{$role};
        ($store, $cursor) = @$waiter{ 'store', 'cursor' };
        my $start = time();
        in_session("writer $role", insert(1));
        has_got("waiter $role");
        push @{ $waiter->{seconds} }, time() - $start;
        $waiter->{cursor} = $cursor;
    }
}
# A busy machine adds the same to both.
my ($woken, $found) = map { (sort { $a <=> $b } @{ $_->{seconds} })[3] } @waiters{ 'origin', 'replica' };
cmp_ok($woken, '<', 0.75 * $found, sprintf('mostly woken in %.3f s, otherwise found in %.3f s', $woken, $found));

# ---- What becomes of the table or of the functions while somebody waits must not reach his rows.

new_store();
$cursor = 0;
start_waiting('a');
in_session('b', "ALTER TABLE $store ALTER COLUMN name TYPE integer USING 1; INSERT INTO $store (id, name, time) VALUES (gen_random_uuid(), 2, 2)");
like(has_got('a'), qr/VE004/, 'the table is no store any more');

new_store();
$cursor = 0;
start_waiting('a');
in_session('b', 'SET client_min_messages = warning; DROP EXTENSION goes_store CASCADE');
like(has_got('a'), qr/42883/, 'the extension is gone');
is($node->safe_psql('postgres', 'SELECT 1'), '1', 'the server goes on');

done_testing();
