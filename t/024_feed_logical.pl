# A logical subscriber has a feed of its own: it draws its own positions, as long as the publication
# leaves those of the publisher out. Otherwise goes_check_store says what is wrong.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('servers');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "autovacuum = off\n");
$node->start;
my $connection = $node->connstr;

my $columns = 'id, name, time, aggregate_id, aggregate_name, aggregate_version, data';
$node->safe_psql('postgres', "CREATE DATABASE $_") for 'publisher', 'subscriber';
for my $database ('publisher', 'subscriber')
{
    $node->safe_psql($database, q{
        CREATE EXTENSION goes_store;
        SELECT goes_create_store(name), goes_alter_store(name, feed => true) FROM unnest(ARRAY['own', 'whole']) AS name;
    });
}
# One writer, which rolls back every tenth event.
$node->safe_psql('publisher', q{
    CREATE PROCEDURE write(number integer) LANGUAGE plpgsql AS $$
    BEGIN
        FOR n IN 1 .. 100 LOOP
            INSERT INTO own (id, name, time) VALUES (gen_random_uuid(), 'e', number * 1000 + n);
            IF n % 10 = 0 THEN
                ROLLBACK;
            ELSE
                COMMIT;
            END IF;
        END LOOP;
    END
    $$});
# The publisher's positions are not those of the subscriber.
$node->safe_psql('publisher', qq{
    INSERT INTO own (id, name, time) SELECT gen_random_uuid(), 'before', n FROM generate_series(1, 10) AS n;
    DELETE FROM own WHERE position <= 5;
    CREATE PUBLICATION without_positions FOR TABLE own ($columns);
    CREATE PUBLICATION with_positions FOR TABLE whole});
$node->safe_psql('publisher', "SELECT pg_create_logical_replication_slot('$_', 'pgoutput')") for 'own', 'whole';
for ([ 'own', 'without_positions' ], [ 'whole', 'with_positions' ])
{
    my ($name, $publication) = @$_;
    $node->safe_psql('subscriber',
        "CREATE SUBSCRIPTION $name CONNECTION '$connection dbname=publisher' PUBLICATION $publication WITH (create_slot = false, slot_name = $name)");
}
$node->wait_for_subscription_sync($node, $_, 'subscriber') for 'own', 'whole';

# A reader waits on the subscriber while events come.
my $reader = $node->background_psql('subscriber');
my ($cursor, @got) = (0);

sub follow
{
    my ($until) = @_;
    while ($cursor < $until)
    {
        my @rows = split(/\n/, $reader->query("SELECT position, time FROM goes_feed($cursor, wait_ms => 60000, store => 'own')"));
        ($cursor) = split(/\|/, pop(@rows));
        push @got, @rows;
    }
    return;
}

follow(5);
is(join(' ', @got), '1|6 2|7 3|8 4|9 5|10', 'what was there has been numbered anew');
my @writers = map {
    IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('publisher'), '-c', "CALL write($_)" ])
} 1 .. 3;
follow(5 + 3 * 90);
$_->finish for @writers;
is(scalar(@got), 5 + 3 * 90, 'every event has come');
is(join("\n", @got), $node->safe_psql('subscriber', 'SELECT position, time FROM own ORDER BY position'), 'once, in order');
is($node->safe_psql('subscriber', q{SELECT * FROM goes_check_store('own')}), '', 'the store is sound');

# The publisher's positions come, and the subscriber's sequence knows nothing of them.
$node->safe_psql('publisher', q{INSERT INTO whole (id, name, time) SELECT gen_random_uuid(), 'e', n FROM generate_series(1, 3) AS n});
$node->poll_query_until('subscriber', 'SELECT count(*) = 3 FROM whole');
like($node->safe_psql('subscriber', q{SELECT problem FROM goes_check_store('whole')}), qr/behind the positions/, 'with positions: goes_check_store tells');
my $result = $node->psql('subscriber', q{\set VERBOSITY verbose
SELECT * FROM goes_feed(store => 'whole')}, stderr => \my $error);
like($error, qr/VE004/, 'with positions: it cannot be followed');
# Told to leave them out, and to mend what has come.
$node->safe_psql('publisher', "ALTER PUBLICATION with_positions SET TABLE whole ($columns)");
$node->safe_psql('subscriber', q{SELECT goes_alter_store('whole', feed => true)});
$node->safe_psql('publisher', q{INSERT INTO whole (id, name, time) SELECT gen_random_uuid(), 'f', n FROM generate_series(4, 5) AS n});
$node->poll_query_until('subscriber', 'SELECT count(*) = 5 FROM whole');
is($node->safe_psql('subscriber', q{SELECT position, time FROM goes_feed(store => 'whole') WHERE name IS NOT NULL}), "1|1\n2|2\n3|3\n4|4\n5|5",
    'without them: it goes on');
is($node->safe_psql('subscriber', q{SELECT * FROM goes_check_store('whole')}), '', 'and is sound');

$reader->quit;
$node->safe_psql('subscriber', "DROP SUBSCRIPTION $_") for 'own', 'whole';
done_testing();
