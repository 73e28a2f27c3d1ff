# What locks the table or its sequence and stores no event does not hold the feed back, and
# goes_feed_writers tells who does.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Feed;
use Test::More;

start_server();

# What a call of goes_feed_writers says, without the times.
sub writers
{
    return in_session('setup', "SELECT pid, gid, low, state FROM goes_feed_writers('$store')");
}

# Stores an event behind a gap, which keeps it from being delivered as a contiguous one, and checks
# that nothing holds it up.
my $next = 0;

sub delivers
{
    my ($what) = @_;
    in_session('b', 'BEGIN; ' . insert(1) . 'ROLLBACK');
    in_session('b', insert(1));
    is(poll(), $next += 2, $what);
    is(writers(), '', "$what: nobody holds the feed back");
    return;
}

# Waits until a session other than these waits for something.
sub wait_until_held
{
    my ($query, $type) = @_;
    return $node->poll_query_until('postgres',
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '$query%' AND wait_event_type = '$type'");
}

scenario 'what locks the table and stores nothing' => sub {
    in_session('b', insert(10));
    poll();
    $next = 10;
    for my $sql (
        "LOCK TABLE $store IN SHARE UPDATE EXCLUSIVE MODE",
        "LOCK TABLE $store IN ROW EXCLUSIVE MODE",
        "SELECT * FROM $store FOR UPDATE",
        "UPDATE $store SET name = 'f'",
        "DELETE FROM $store",
        "ANALYZE $store",
        "SELECT txid_current(); SELECT * FROM $store")
    {
        in_session('a', "BEGIN; $sql");
        delivers($sql);
        in_session('a', 'ROLLBACK');
    }
    in_session('a', "BEGIN; LOCK TABLE $store IN SHARE UPDATE EXCLUSIVE MODE; " . insert(1));
    in_session('b', insert(1));
    is(poll(), $next, 'but with an INSERT it does');
    in_session('a', 'ROLLBACK');
    in_session('a', "BEGIN; LOCK TABLE $store IN SHARE ROW EXCLUSIVE MODE; " . insert(1));
    is(poll(), $next + 2, 'but with an INSERT it does');
    in_session('a', 'COMMIT');
};

scenario 'a VACUUM that is under way' => sub {
    in_session('b', insert(1));
    poll();
    $next = 1;
    # it waits for the page that a cursor is at
    in_session('a', "BEGIN; DECLARE k CURSOR FOR SELECT * FROM $store; FETCH k");
    my $vacuum = $node->background_psql('postgres');
    $vacuum->query_until(qr/started/, "\\echo started\nVACUUM (FREEZE) $store;\n");
    wait_until_held('VACUUM', 'BufferPin');
    delivers('VACUUM');
    in_session('a', 'COMMIT');
    $vacuum->quit;
};

scenario 'CREATE INDEX CONCURRENTLY that is under way' => sub {
    $next = 0;
    in_session('a', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
    my $builder = $node->background_psql('postgres');
    $builder->query_until(qr/started/, "\\echo started\nCREATE INDEX CONCURRENTLY ON $store (name);\n");
    wait_until_held('CREATE INDEX CONC', 'Lock');
    delivers('behind a snapshot');
    in_session('a', 'COMMIT');
    $builder->quit;
    in_session('a', 'BEGIN; ' . insert(1));
    in_session('b', insert(1));
    $builder = $node->background_psql('postgres');
    $builder->query_until(qr/started/, "\\echo started\nCREATE INDEX CONCURRENTLY ON $store (id);\n");
    wait_until_held('CREATE INDEX CONC', 'Lock');
    is(poll(), 2, 'behind a writer');
    in_session('a', 'COMMIT');
    $builder->quit;
    is(poll(), 4, 'all');
};

scenario 'an open UPDATE of the events behind the mark' => sub {
    in_session('b', insert(3));
    in_session('a', "BEGIN; UPDATE $store SET name = 'f'");
    in_session('c', 'BEGIN; ' . insert(1));
    in_session('b', insert(1));
    is(poll(), 3, 'two versions of one event');
    in_session('a', 'COMMIT');
    in_session('c', 'COMMIT');
    is(poll(), 5, 'all');
};

scenario 'transactions elsewhere' => sub {
    in_session('setup', "CREATE TABLE IF NOT EXISTS elsewhere (a integer); SELECT goes_create_store('other'), goes_alter_store('other', feed => true)");
    in_session('a', 'BEGIN; INSERT INTO elsewhere VALUES (1)');
    in_session('c', "BEGIN; INSERT INTO other (id, name, time) VALUES (gen_random_uuid(), 'e', 1)");
    $next = 0;
    delivers('another table, another store');
    in_session($_, 'ROLLBACK') for 'a', 'c';
};

scenario 'the sequence is altered' => sub {
    in_session('b', insert(3));
    is(poll(), 3, 'all');
    in_session('a', "BEGIN; ALTER SEQUENCE ${store}_position_seq MAXVALUE 1000000");
    is(poll(), 3, 'nobody waits');
    in_session('a', 'COMMIT');
    in_session('b', insert(2));
    is(poll(), 5, 'and it goes on');
    in_session('a', "BEGIN; SELECT setval('${store}_position_seq', 1000)");
    in_session('b', insert(1));
    poll();
    in_session('a', 'COMMIT');
    is(poll(), 1001, 'setval forwards: over the gap');
};

scenario 'who holds the feed back' => sub {
    in_session('b', insert(3));
    poll();
    my $pid = in_session('a', 'SELECT pg_backend_pid()');
    in_session('a', 'BEGIN; ' . insert(1));
    in_session('b', insert(1));
    like(writers(), qr/^$pid\|\|[0-3]\|idle in transaction$/, 'a process');
    in_session('c', "BEGIN; " . insert(1) . "PREPARE TRANSACTION 'held_$store'");
    like(writers(), qr/^$pid\|\|[0-3]\|idle in transaction\n\|held_$store\|[0-5]\|prepared$/, 'and a prepared transaction');
    is(in_session('setup', "SELECT count(*) FROM goes_feed_writers('$store') WHERE since < clock_timestamp()"), 2, 'and since when');
    in_session('a', 'COMMIT');
    like(writers(), qr/^\|held_$store\|[0-5]\|prepared$/, 'only the prepared transaction');
    is(poll(), 5, 'which holds');
    in_session('c', "COMMIT PREPARED 'held_$store'");
    is(writers(), '', 'nobody');
};

# More events than one call settles, which nobody has looked at before a long transaction began.
scenario 'many events before a long writer' => sub {
    in_session('b', insert(25_000));
    in_session('a', 'BEGIN; ' . insert(1));
    in_session('b', insert(1));
    @readers = ($readers[0]);
    is(look($readers[0]), $_, "up to $_") for 10_000, 20_000, 25_000, 25_000;
    in_session('a', 'COMMIT');
    is(look($readers[0]), 25_002, 'all');
};

done_testing();
