# What the feed has given out outlives the server: after kill -9 no position at or below a cursor is
# drawn again, events that were delivered are there, and a rewind that was noticed is not forgotten.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Feed;
use Test::More;

start_late_server();

# The last line of what is said by statements in one session, before the server is killed.
sub last_said
{
    my ($sql) = @_;
    return (split /\n/, said_before_kill($sql))[-1];
}

# Makes a store whose sequence's WAL is flushed from time to time only, as always.
sub new_quiet_store
{
    new_store();
    in_session('setup', 'CHECKPOINT');
    return;
}

sub next_position
{
    return in_session('b', insert(1) . "SELECT max(position) FROM $store");
}

sub count_events
{
    return in_session('b', "SELECT count(*) FROM $store");
}

new_quiet_store();
my $cursor = last_said('SET synchronous_commit = off; ' . insert(70) . "SELECT goes_feed_position(0, 0, '$store')");
is($cursor, 70, 'asynchronous commits: a cursor');
my $left = count_events();
cmp_ok(next_position(), '>', $cursor, "asynchronous commits: the next is above, with $left events left");

new_quiet_store();
$cursor = last_said('BEGIN; ' . insert(69) . "ROLLBACK; SELECT goes_feed_position(0, 0, '$store')");
is($cursor, 69, 'rolled back: a cursor');
cmp_ok(next_position(), '>', $cursor, 'rolled back: the next is above');

new_quiet_store();
$cursor = last_said(insert(5) . 'BEGIN; ' . insert(69) . "CHECKPOINT; ROLLBACK; SELECT goes_feed_position(0, 0, '$store')");
cmp_ok(next_position(), '>', $cursor, 'after a checkpoint: the next is above');

# PostgreSQL may forget a number that is drawn just when a checkpoint begins, if it was logged in advance. So
# a cursor takes the sequence to WAL once after each checkpoint.
new_quiet_store();
in_session('b', insert(3) . 'CHECKPOINT');
is(in_session('b', "SELECT log_cnt FROM ${store}_position_seq"), 30, 'a checkpoint: numbers are logged in advance');
$cursor = last_said("SELECT goes_feed_position(0, 0, '$store')");
is($cursor, 3, 'a checkpoint: a cursor');
is(in_session('b', "SELECT last_value, log_cnt FROM ${store}_position_seq"), '3|0', 'a checkpoint: the sequence is logged anew');

# The same by a page of events that has none, and in a session that has looked before.
new_quiet_store();
$cursor = last_said(insert(1)
      . "SELECT goes_feed_position(0, 0, '$store'); BEGIN; "
      . insert(69)
      . "ROLLBACK; SELECT position FROM goes_feed(1, store => '$store')");
is($cursor, 70, 'a page without events: a cursor');
cmp_ok(next_position(), '>', $cursor, 'a page without events: the next is above');

# What was delivered is there. The sequence's own WAL is flushed before, so that only the rows can flush theirs.
for my $name ('delivered', 'delivered when frozen', 'delivered packed')
{
    new_quiet_store();
    my $delivered = $name =~ /packed/ ? "length(string_agg(page, '')) > 5 * 68 FROM goes_feed_page(3, store => '$store') AS page"
      : "count(*) = 5 FROM goes_feed(3, store => '$store') WHERE name IS NOT NULL";

    in_session('b', insert(3) . "SELECT goes_feed_position(0, 0, '$store')");
    my $are_all = last_said('SET synchronous_commit = off; '
          . insert(5)
          . ($name =~ /frozen/ ? "VACUUM (FREEZE) $store;" : '')
          . "SELECT $delivered");
    is($are_all, 't', "$name: events");
    is(count_events(), 8, "$name: they are still there");
}

# A newer event that was deleted when the cursor was given out does not come back: that would look like a rewind.
new_quiet_store();
in_session('b', insert(10));
my $newest = last_said("SET synchronous_commit = off; DELETE FROM $store WHERE position > 8; SELECT id FROM goes_feed(10, store => '$store')");
is(in_session('b', "SELECT position FROM $store WHERE id = '$newest'"), 8, 'deleted: the id of the newest one that is left');
like(in_session('b', "SELECT position FROM goes_feed(10, after_id => '$newest', store => '$store')"), qr/^\d+$/, 'deleted: the cursor is good');

# A rewind that a reader has met. Nothing but its error has written of it.
new_quiet_store();
in_session('b', insert(10) . "SELECT goes_feed_settle('$store'); SELECT setval('${store}_position_seq', 3)");
like(last_said("SELECT goes_feed_position(0, 0, '$store')"), qr/HINT/, 'rewound: an error');
in_session('b', "DELETE FROM $store; " . insert(40));
like(in_session('b', "SELECT goes_feed_position(0, 0, '$store')"), qr/was rewound/, 'rewound: still an error');

done_testing();
