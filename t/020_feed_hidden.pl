# Writers that are hard to see: those whose portal has failed hold no lock on the table, those that are
# prepared have no session, and after a crash they have no process either.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Feed;
use Test::More;

start_server();

my $failing = sub {
    in_session('setup', "CREATE FUNCTION ins_$store(n integer) RETURNS integer LANGUAGE plpgsql AS
        \$\$BEGIN IF n = 2 THEN RAISE EXCEPTION 'two'; END IF; " . insert(1) . " RETURN n; END\$\$");
};

scenario 'a portal that fails inside a savepoint' => sub {
    $failing->();
    in_session('a', "BEGIN; DECLARE k CURSOR FOR SELECT ins_$store(g) FROM generate_series(1, 2) g; FETCH k;");
    in_session('a', 'SAVEPOINT s; FETCH k; ROLLBACK TO s;');
    is(in_session('setup', "SELECT count(*) FROM pg_locks WHERE relation = '$store'::regclass"), '0',
        'the lock on the table is gone');
    in_session('b', insert(2));
    is(poll(), 0, 'held');
    in_session('a', 'COMMIT');
    is(poll(), 3, 'all');
};

scenario 'a portal that fails inside a savepoint, then PREPARE' => sub {
    $failing->();
    in_session('a', "BEGIN; DECLARE k CURSOR FOR SELECT ins_$store(g) FROM generate_series(1, 2) g; FETCH k;");
    in_session('a', "SAVEPOINT s; FETCH k; ROLLBACK TO s; CLOSE k;");
    in_session('a', "PREPARE TRANSACTION 'p_$store'");
    in_session('b', insert(2));
    is(poll(), 0, 'held');
    in_session('a', 'BEGIN; SELECT 1');
    is(poll(), 0, 'held while the session is in another transaction');
    close_session('a');
    is(poll(), 0, 'held without the session');
    in_session('b', "COMMIT PREPARED 'p_$store'");
    is(poll(), 3, 'all');
};

scenario 'a refcursor that fails in an exception block' => sub {
    $failing->();
    in_session('a', "BEGIN; DO \$\$
        DECLARE k refcursor; n integer;
        BEGIN
            OPEN k FOR SELECT ins_$store(g) FROM generate_series(1, 2) g;
            FETCH k INTO n;
            BEGIN FETCH k INTO n; EXCEPTION WHEN OTHERS THEN NULL; END;
        END\$\$");
    in_session('b', insert(2));
    is(poll(), 0, 'held');
    in_session('a', 'COMMIT');
    is(poll(), 3, 'all');
};

scenario 'prepared transactions' => sub {
    in_session('a', 'BEGIN; ' . insert(1));
    poll();
    in_session('b', insert(1));
    in_session('a', "PREPARE TRANSACTION 'one_$store'");
    is(poll(), 0, 'held');
    in_session('a', 'BEGIN; ' . insert(1) . "PREPARE TRANSACTION 'two_$store'");
    in_session('b', insert(1));
    is(poll(), 0, 'held');
    close_session('a');
    in_session('b', "COMMIT PREPARED 'one_$store'");
    is(poll(), 2, 'up to the second');
    in_session('b', "ROLLBACK PREPARED 'two_$store'");
    is(poll(), 4, 'all');
};

scenario 'own events, own prepared transactions' => sub {
    in_session('reader0', 'BEGIN; ' . insert(1));
    is(look($readers[0]), 0, 'own events are not settled');
    in_session('b', insert(1));
    is(look($readers[0]), 0, 'own events are not settled');
    in_session('reader0', "PREPARE TRANSACTION 'own_$store'");
    is(look($readers[0]), 0, 'nor when they are prepared');
    in_session('b', insert(1));
    is(poll(), 0, 'for nobody');
    in_session('reader0', "COMMIT PREPARED 'own_$store'");
    is(poll(), 3, 'all');
};

scenario 'a crash of the server' => sub {
    in_session('a', 'BEGIN; ' . insert(1) . "PREPARE TRANSACTION 'crash_$store'");
    $failing->();
    in_session('a', "BEGIN; DECLARE k CURSOR FOR SELECT ins_$store(g) FROM generate_series(1, 2) g; FETCH k;");
    in_session('a', "SAVEPOINT s; FETCH k; ROLLBACK TO s; CLOSE k;");
    in_session('a', "PREPARE TRANSACTION 'portal_$store'");
    in_session('b', insert(1));
    is(poll(), 0, 'held');
    forget_sessions();
    $node->stop('immediate');
    $node->start;
    in_session('b', insert(1));
    is(poll(), 0, 'held');
    in_session('b', "COMMIT PREPARED 'crash_$store'");
    is(poll(), 1, 'up to the second');
    in_session('b', insert(1));
    in_session('b', "COMMIT PREPARED 'portal_$store'");
    cmp_ok(poll(), '>=', 35, 'over the numbers that the crash took');
};

done_testing();
