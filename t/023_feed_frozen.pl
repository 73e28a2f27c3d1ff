# Events that were frozen long ago are delivered when the server does not know any more who stored
# them: the commit log of that time is gone.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Feed;
use PostgreSQL::Test::Utils;
use Test::More;

my $xids_of_a_file = 1 << 20;

start_server();

scenario 'frozen, and the commit log is gone' => sub {
    in_session('b', insert(5));
    is(poll(), 5, 'before');
    close_session($_) for 'setup', 'b', map { "reader$_" } 0 .. 3;
    $node->stop;
    # ten files of the commit log later
    command_ok([ 'pg_resetwal', '-x', 10 * $xids_of_a_file, $node->data_dir ], 'many transactions later');
    open(my $file, '>', $node->data_dir . '/pg_xact/000A') or die $!;
    print $file "\0" x ($xids_of_a_file / 4);
    close($file);
    $node->start;
    $node->safe_psql('postgres', 'UPDATE pg_database SET datallowconn = true');
    $node->command_ok([ 'vacuumdb', '--all', '--freeze', '--quiet' ], 'everything is frozen');
    $node->safe_psql('postgres', 'CHECKPOINT');
    ok(!-e $node->data_dir . '/pg_xact/0000', 'the commit log is gone');

    is(in_session('new', "SELECT count(*) FROM goes_feed(0, store => '$store')"), 6, 'a page from the start');
    in_session('b', insert(2));
    cmp_ok(poll(), '>=', 7, 'and on');
};

done_testing();
