# The feed among writers of every kind: readers that look at every step get each event once, in
# order.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Feed;
use Test::More;

start_server();

scenario 'interleaved positions' => sub {
    in_session('setup', insert(3));
    poll();
    in_session('b', 'BEGIN; ' . insert(1));
    is(poll(), 3, 'held');
    in_session('a', 'BEGIN; ' . insert(1));
    in_session('b', insert(1));
    is(poll(), 3, 'held');
    in_session('b', 'COMMIT');
    is(poll(), 4, 'as far as the other one');
    in_session('a', 'COMMIT');
    is(poll(), 6, 'all');
};

scenario 'rollback' => sub {
    in_session('a', 'BEGIN; ' . insert(2));
    in_session('b', insert(1));
    is(poll(), 0, 'held');
    in_session('a', 'ROLLBACK');
    is(poll(), 3, 'over the gap');
};

scenario 'behind a long writer what is contiguous is delivered' => sub {
    poll();
    in_session('b', insert(3));
    in_session('a', 'BEGIN; ' . insert(1));
    in_session('b', insert(1));
    is(poll(), 3, 'up to the writer');
    in_session('b', insert(5));
    is(poll(), 3, 'up to the writer');
    in_session('a', 'COMMIT');
    is(poll(), 10, 'all');
};

scenario 'rollback to a savepoint' => sub {
    in_session('a', 'BEGIN; SAVEPOINT s; ' . insert(2) . 'ROLLBACK TO s');
    in_session('b', insert(1));
    poll();
    in_session('a', insert(1));
    in_session('b', insert(1));
    poll();
    in_session('a', 'COMMIT');
    is(poll(), 5, 'all');
};

scenario 'rollback to a savepoint, with a lock on the table before' => sub {
    in_session('a', "BEGIN; LOCK TABLE $store IN ROW EXCLUSIVE MODE; SAVEPOINT s; " . insert(2) . 'ROLLBACK TO s');
    in_session('b', insert(1));
    poll();
    in_session('a', insert(1));
    in_session('b', insert(1));
    poll();
    in_session('a', 'COMMIT');
    is(poll(), 5, 'all');
};

scenario 'an event inside a savepoint, another one rolled back' => sub {
    in_session('a', 'BEGIN; SAVEPOINT s; ' . insert(1) . 'RELEASE s; SAVEPOINT t; ' . insert(1) . 'ROLLBACK TO t');
    in_session('b', insert(2));
    is(poll(), 0, 'held');
    in_session('a', 'COMMIT');
    is(poll(), 4, 'all');
};

scenario 'somebody else with a higher cursor in the same session' => sub {
    in_session('b', insert(40));
    my $other = { session => 'other', cursor => 0, got => [], errors => [] };
    is(look($readers[0]), 40, 'where we are');
    in_session('a', 'BEGIN; ' . insert(1));
    in_session('b', insert(5));
    # a cursor that nobody can have, said in our session
    in_session('reader0', "SELECT goes_feed_position(45, 0, '$store')");
    is(look($readers[0]), 40, 'held');
    in_session('a', 'COMMIT');
    is(poll(), 46, 'all');
};

scenario 'the same in a new session' => sub {
    in_session('b', insert(40));
    poll();
    in_session('a', 'BEGIN; ' . insert(1));
    in_session('b', insert(5));
    close_session('reader0');
    in_session('reader0', "SELECT goes_feed_position(45, 0, '$store')");
    is(look($readers[0]), 40, 'held');
    in_session('b', insert(1));
    in_session('reader0', "SELECT goes_feed_position(47, 0, '$store')");
    is(look($readers[0]), 40, 'held');
    in_session('a', 'COMMIT');
    is(poll(), 47, 'all');
};

scenario 'own events, rolled back and committed' => sub {
    in_session('b', insert(2));
    in_session('reader0', 'BEGIN; SAVEPOINT s; ' . insert(1) . 'ROLLBACK TO s');
    in_session('b', insert(1));
    is(look($readers[0]), 2, 'up to the own one');
    in_session('reader0', 'COMMIT');
    is(poll(), 4, 'all');
};

scenario 'ON CONFLICT, COPY, INSERT SELECT, nextval first' => sub {
    my $id = '01900000-0000-7000-8000-000000000001';
    in_session('a', "BEGIN; INSERT INTO $store (id, name, time) VALUES ('$id', 'e', 1)");
    in_session('b', insert(1));
    is(poll(), 0, 'held');
    in_session('a', 'COMMIT');
    in_session('a', "BEGIN; INSERT INTO $store (id, name, time) VALUES ('$id', 'e', 1) ON CONFLICT DO NOTHING");
    in_session('b', insert(1));
    poll();
    in_session('a', 'COMMIT');
    is(poll(), 4, 'all');
    in_session('a', "BEGIN; SELECT nextval('${store}_position_seq')");
    in_session('b', insert(1));
    is(poll(), 6, 'a number that is drawn by hand holds nothing up');
    in_session('a', insert(1));
    in_session('b', insert(1));
    is(poll(), 6, 'an event after it does');
    in_session('a', 'COMMIT');
    in_session('a', "BEGIN; COPY $store (id, name, time) FROM PROGRAM 'echo 01900000-0000-7000-8000-000000000002,e,1' (FORMAT csv)");
    in_session('b', insert(1));
    is(poll(), 8, 'held');
    in_session('a', 'COMMIT');
    is(poll(), 10, 'all');
};

scenario 'many locks' => sub {
    in_session('setup', join('', map { "CREATE TABLE IF NOT EXISTS other$_ (a integer);" } 1 .. 30));
    in_session('a', 'BEGIN; ' . join('', map { "SELECT * FROM other$_;" } 1 .. 30) . insert(1));
    in_session('b', insert(1));
    is(poll(), 0, 'held');
    in_session('a', 'COMMIT');
    is(poll(), 2, 'all');
};

scenario 'triggers of another table' => sub {
    in_session('setup', "CREATE TABLE ordered_$store (a integer);
        CREATE FUNCTION store_$store() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN " . insert(1) . " RETURN NULL; END\$\$;
        CREATE TRIGGER now AFTER INSERT ON ordered_$store FOR EACH ROW EXECUTE FUNCTION store_$store();
        CREATE CONSTRAINT TRIGGER later AFTER INSERT ON ordered_$store DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION store_$store();");
    in_session('a', "BEGIN; INSERT INTO ordered_$store VALUES (1)");
    in_session('b', insert(1));
    is(poll(), 0, 'held');
    in_session('a', 'COMMIT');
    is(poll(), 3, 'all');
};

scenario 'a procedure that commits, exception blocks' => sub {
    in_session('setup', "CREATE PROCEDURE run_$store() LANGUAGE plpgsql AS \$\$
        BEGIN
            FOR n IN 1 .. 10 LOOP
                BEGIN " . insert(1) . " IF n % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF;
                EXCEPTION WHEN OTHERS THEN NULL; END;
                IF n % 4 = 0 THEN COMMIT; END IF;
            END LOOP;
        END\$\$");
    for (1 .. 3)
    {
        in_session('a', "CALL run_$store()");
        poll();
    }
    is(poll(), 30, 'all');
};

# Sessions that look for the first time do not know who began when: the last one to look has noted it.
scenario 'a new session at each look, while somebody is always writing' => sub {
    my $gap = 'BEGIN; ' . insert(1) . 'ROLLBACK';
    @readers = ($readers[1]);
    my $anew = sub { my $settled = look($readers[0]); close_session($readers[0]{session}); return $settled; };
    in_session('a', 'BEGIN; ' . insert(1));
    is($anew->(), 0, 'held by the first');
    in_session('b', $gap);
    in_session('c', 'BEGIN; ' . insert(1));
    in_session('a', 'COMMIT');
    is($anew->(), 1, 'held by the second');
    in_session('b', $gap);
    in_session('a', 'BEGIN; ' . insert(1));
    in_session('c', 'COMMIT');
    is($anew->(), 3, 'held by the third');
    in_session('b', $gap);
    in_session('c', 'BEGIN; ' . insert(1) . "PREPARE TRANSACTION 'c_$store'");
    in_session('a', 'COMMIT');
    is($anew->(), 3, 'of one that is prepared nobody can tell when it began');
    in_session('b', $gap);
    in_session('a', 'BEGIN; ' . insert(1));
    in_session('c', "COMMIT PREPARED 'c_$store'");
    is($anew->(), 7, 'held by the fifth');
    in_session('a', 'COMMIT');
    is($anew->(), 9, 'all');
};

scenario 'a transaction that only reads' => sub {
    in_session('b', insert(1));
    in_session('a', 'BEGIN READ ONLY');
    is(in_session('a', "SELECT goes_feed_position(0, 0, '$store')"), '1', 'follows the feed');
    in_session('a', 'ROLLBACK');
    is(in_session('setup', "SELECT last_value FROM ${store}_feed_mark"), '1', 'and raises the stored mark');
};

done_testing();
