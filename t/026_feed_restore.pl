# A dump and a restore keep the positions, the mark and the feed's id, so readers go on with their
# cursors. What was restored in pieces asks its owner to start the feed anew.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Dumps;
use Test::More;

start_server();

my $insert = q{INSERT INTO shop.events (id, name, time) SELECT gen_random_uuid(), 'e', n FROM generate_series(1, %d) AS n};
my $state = q{
    SELECT (SELECT id FROM shop.events_feed), (SELECT last_value FROM shop.events_feed_mark),
           (SELECT last_value FROM shop.events_position_seq), md5(string_agg(e::text, ' ' ORDER BY position)) FROM shop.events AS e};

# What a reader gets behind a cursor.
sub page
{
    my ($database, $arguments) = @_;
    $node->psql($database, "\\set VERBOSITY verbose
        SELECT string_agg(position::text, ' ' ORDER BY position) FROM shop.goes_feed($arguments, store => 'shop.events')",
        stdout => \my $page, stderr => \my $error);
    return $page eq '' ? $error : $page;
}

$node->safe_psql('postgres', q{
    CREATE SCHEMA shop;
    CREATE EXTENSION goes_store SCHEMA shop;
    SELECT shop.goes_create_store('shop.events'), shop.goes_alter_store('shop.events', feed => true)});
$node->safe_psql('postgres', sprintf($insert, 3));
$node->psql('postgres', sprintf("BEGIN; $insert; ROLLBACK", 2));
$node->safe_psql('postgres', sprintf($insert, 2));
$node->safe_psql('postgres', "SELECT shop.goes_feed_settle('shop.events')");
my $id = $node->safe_psql('postgres', 'SELECT id FROM shop.events WHERE position = 6');

# One without events, whose mark is told as well.
$node->safe_psql('postgres', q{
    SELECT shop.goes_create_store('shop.none'), shop.goes_alter_store('shop.none', feed => true), shop.goes_feed_settle('shop.none')});

# ---- A whole database.
dump_to('whole');
$node->safe_psql('postgres', 'CREATE DATABASE whole');
restore_into('whole', 'whole');
is($node->safe_psql('whole', $state), $node->safe_psql('postgres', $state), 'whole: everything is as it was');
is($node->safe_psql('whole', q{SELECT * FROM shop.goes_check_store('shop.events')}), '', 'whole: the store is sound');
is(page('whole', '0'), '1 2 3 6 7 7', 'whole: from the start');
is(page('whole', "6, after_id => '$id'"), '7 7', 'whole: with a cursor from before');
$node->safe_psql('whole', sprintf($insert, 2));
is(page('whole', '7'), '8 9 9', 'whole: and on');

# ---- In two pieces, as one does who wants the indexes last.
$node->safe_psql('postgres', 'CREATE DATABASE pieces');
restore_into('pieces', 'whole', "--section=$_") for 'pre-data', 'data', 'post-data';
is($node->safe_psql('pieces', $state), $node->safe_psql('postgres', $state), 'pieces: everything is as it was');

# ---- Only the data, into a database that has the schema.
dump_to('schema', '--schema-only');
dump_to('data', '--data-only');
$node->safe_psql('postgres', 'CREATE DATABASE data');
restore_into('data', 'schema');
restore_into('data', 'data');
is(page('data', "6, after_id => '$id'"), '7 7', 'data: with a cursor from before');
is($node->safe_psql('data', q{SELECT * FROM shop.goes_check_store('shop.events')}), '', 'data: the store is sound');

# ---- Only the table of events, over one that has gone on: positions are drawn again.
dump_to('table', '--data-only', '--table=shop.events', '--table=shop.events_position_seq');
$node->safe_psql('whole', sprintf($insert, 20));
$node->safe_psql('whole', "SELECT shop.goes_feed_settle('shop.events')");
my $cursor = $node->safe_psql('whole', q{SELECT position, id FROM shop.goes_feed(store => 'shop.events') WHERE name IS NULL});
$node->safe_psql('whole', 'TRUNCATE shop.events');
restore_into('whole', 'table');
like(page('whole', '0'), qr/VE006.*was rewound/, 'table: the feed was rewound');
$node->safe_psql('whole', sprintf($insert, 30));
like(page('whole', '0'), qr/VE006.*was rewound/, 'table: even when its numbers are reached again');
$node->safe_psql('whole', q{SELECT shop.goes_alter_store('shop.events', feed => true)});
my ($position, $last) = split(/\|/, $cursor);
like(page('whole', "$position, after_id => '$last'"), qr/VE006/, 'table: started anew, an old cursor does not fit');
is(page('whole', "7"), join(' ', 8 .. 37, 37), 'table: started anew');

# ---- The table of events alone, elsewhere: it has no feed until somebody says so, and keeps its positions then.
dump_to('alone', '--table=shop.events', '--table=shop.events_position_seq');
$node->safe_psql('postgres', 'CREATE DATABASE alone');
$node->safe_psql('alone', 'CREATE SCHEMA shop; CREATE EXTENSION goes_store SCHEMA shop');
$node->command_fails([ 'pg_restore', '--dbname', 'alone', "$dumps/alone" ], 'alone: its feed is not there');
$node->safe_psql('alone', q{SELECT shop.goes_alter_store('shop.events', feed => true)});
is(page('alone', '0'), '1 2 3 6 7 7', 'alone: with the positions of before');
is($node->safe_psql('alone', q{SELECT * FROM shop.goes_check_store('shop.events')}), '', 'alone: the store is sound');

$node->stop;
done_testing();
