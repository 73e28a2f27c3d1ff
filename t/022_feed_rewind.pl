# A feed whose positions are drawn a second time is an error for everybody until its owner says so.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Feed;
use Test::More;

start_server();

# All readers look, and all meet an error.
sub all_fail
{
    my ($what) = @_;
    like(look($_), qr/was rewound/, "$what: $_->{session}") for @readers;
    close_session($readers[1]{session});
    return;
}

for my $rewind (
    "SELECT setval('%s_position_seq', 5)",
    "SELECT setval('%s_position_seq', 1, false)",
    'ALTER SEQUENCE %s_position_seq RESTART WITH 3',
    'TRUNCATE %s RESTART IDENTITY')
{
    start_scenario();
    in_session('b', insert(10));
    is(poll(), 10, 'before');
    my $sql = sprintf($rewind, $store);
    in_session('b', $sql);
    all_fail($sql);
    in_session('b', "DELETE FROM $store; " . insert(20));
    all_fail("$sql, and the sequence has caught up");
    in_session('setup', "SELECT goes_alter_store('$store', feed => true)");
    $_->{cursor} = $_->{id} = 0 for @readers;
    is(look($_), in_session('setup', "SELECT max(position) FROM $store"), "$sql, reset: $_->{session}") for @readers;
}

# Set back behind a writer that keeps the stored mark low: the bound that sessions share is above.
new_store();
in_session('a', 'BEGIN; ' . insert(1));
in_session('b', 'BEGIN; ' . insert(1) . 'ROLLBACK; ' . insert(20));
is(in_session('c', "SELECT goes_feed_position(store => '$store')"), 0, 'behind a writer: held');
in_session('b', "SELECT setval('${store}_position_seq', 10)");
like(in_session('new', "SELECT goes_feed_position(store => '$store')"), qr/was rewound/, 'set back behind a writer: a new session');
in_session('a', 'ROLLBACK');
in_session('b', "DELETE FROM $store; " . insert(20));
close_session('new');
like(in_session($_, "SELECT goes_feed_position(store => '$store')"), qr/was rewound/, "set back behind a writer, and on: $_") for 'c', 'new';

# Set back behind a writer that has no transaction id yet, so that there is no bound to share, and not
# below what is settled. Only the session that has seen the number knows; it would take the next writer
# for one that has drawn above.
new_store();
in_session('b', insert(10));
is(in_session('keeps', "SELECT goes_feed_position(store => '$store')"), 10, 'before');
in_session('setup', 'CREATE FUNCTION wait_for_lock() RETURNS trigger LANGUAGE plpgsql AS '
      . '$$BEGIN PERFORM pg_advisory_xact_lock(22); RETURN NEW; END$$');
in_session('setup', "CREATE TRIGGER waits BEFORE INSERT ON $store FOR EACH ROW WHEN (NEW.name = 'slow') "
      . 'EXECUTE FUNCTION wait_for_lock()');
in_session('c', 'BEGIN; SELECT pg_advisory_xact_lock(22)');
start_in_session('a', "INSERT INTO $store (id, name, time) VALUES (gen_random_uuid(), 'slow', 1)");
$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND objid = 22 AND NOT granted");
in_session('b', 'BEGIN; ' . insert(1) . 'ROLLBACK');
is(in_session('keeps', "SELECT goes_feed_position(store => '$store')"), 10, 'behind a writer without an id: held');
in_session('b', "SELECT setval('${store}_position_seq', 11)");
like(in_session('keeps', "SELECT goes_feed_position(store => '$store')"), qr/was rewound/, 'a number is taken back: noticed');
in_session('c', 'COMMIT');
finish_in_session('a');
like(in_session('new', "SELECT goes_feed_position(store => '$store')"), qr/was rewound/, 'a number is taken back: noted');
close_session('new');

# Events that were replaced although the numbers are reached again: the cursor's id shows it, also to a
# session that has just looked.
new_store();
in_session('b', insert(10));
my $last = in_session('b', "SELECT id FROM $store WHERE position = 10");
my $page = "SELECT position, id FROM goes_feed(10, after_id => '$last', store => '$store')";
is(in_session('a', $page), "10|$last", "before: look $_") for 1, 2;
in_session('b', "DELETE FROM $store WHERE position > 5; SELECT setval('${store}_position_seq', 5); " . insert(5));
like(in_session('a', $page), qr/not those that the cursor has passed/, 'replaced, and as many again');

# What the caller deletes and rolls back is there again.
new_store();
in_session('b', insert(10));
$last = in_session('b', "SELECT id FROM $store WHERE position = 10");
my $newest = "SELECT id FROM goes_feed(10, store => '$store')";
in_session('a', "BEGIN; DELETE FROM $store WHERE position = 10");
is(in_session('a', $newest), in_session('b', "SELECT id FROM $store WHERE position = 9"), 'deleted');
in_session('a', 'ROLLBACK');
is(in_session('a', $newest), $last, 'rolled back');

# What is rolled back changes nothing, even if its own transaction has looked meanwhile.
for my $case (
    [ 'ALTER SEQUENCE %s_position_seq RESTART', qr/^10$/ ],
    [ 'ALTER SEQUENCE %s_position_seq RESTART WITH 1000', qr/^10$/ ],
    [ 'TRUNCATE %s RESTART IDENTITY', qr/was rewound/ ])
{
    my ($change, $seen) = @$case;
    scenario(
        "$change, rolled back",
        sub {
            in_session('b', insert(10));
            is(poll(), 10, 'before');
            in_session('b', 'BEGIN; ' . sprintf($change, $store));
            like(in_session('b', "SELECT goes_feed_position(10, 0, '$store')"), $seen, 'meanwhile');
            in_session('b', 'ROLLBACK');
            is(poll(), 10, 'rolled back');
            in_session('b', insert(1));
            is(poll(), 11, 'and on');
        });
}

done_testing();
