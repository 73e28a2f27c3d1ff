# The feed on a standby, which knows no locks and no sequence: under load it follows the stored mark
# and misses nothing, and when it is promoted it goes on from there.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $seconds = 5;
my $writers = 4;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "max_prepared_transactions = 10\nautovacuum = off\n");
$primary->start;
$primary->safe_psql('postgres', q{
    CREATE EXTENSION goes_store;
    SELECT goes_create_store(), goes_alter_store(feed => true);
    CREATE PROCEDURE write(seconds integer) LANGUAGE plpgsql AS $$
    DECLARE
        stop timestamptz = clock_timestamp() + make_interval(secs => seconds);
    BEGIN
        WHILE clock_timestamp() < stop LOOP
            FOR n IN 1 .. 1 + floor(random() * 5) LOOP
                INSERT INTO events (id, name, time) VALUES (gen_random_uuid(), 'e', n);
                IF random() < 0.2 THEN
                    PERFORM pg_sleep(random() * 0.02);
                END IF;
            END LOOP;
            IF random() < 0.1 THEN
                ROLLBACK;
            ELSE
                COMMIT;
            END IF;
        END LOOP;
    END
    $$;
    CREATE PROCEDURE settle(seconds integer) LANGUAGE plpgsql AS $$
    DECLARE
        stop timestamptz = clock_timestamp() + make_interval(secs => seconds);
    BEGIN
        WHILE clock_timestamp() < stop LOOP
            PERFORM goes_feed_settle();
            COMMIT;
            PERFORM pg_sleep(0.01);
        END LOOP;
    END
    $$;
});
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

# Reads on from a cursor until nothing new comes; returns positions.
my ($cursor, $id) = (0, 'NULL');
my $reader;

sub pages
{
    my ($wait_ms) = @_;
    my @positions;
    while (1)
    {
        my $page = $reader->query("SELECT position, id, name FROM goes_feed($cursor, after_id => $id, wait_ms => $wait_ms)");
        my @rows = split(/\n/, $page);
        BAIL_OUT("the standby has no page: $reader->{stderr}") if !@rows;
        my ($last, $last_id) = split(/\|/, pop(@rows));
        push @positions, map { (split(/\|/))[0] } @rows;
        return @positions if $last == $cursor;
        ($cursor, $id) = ($last, $last_id eq '' ? 'NULL' : "'$last_id'");
        return @positions if $wait_ms > 0;
    }
}

my @running = map {
    IPC::Run::start([ 'psql', '-X', '-q', '-d', $primary->connstr('postgres'), '-c', $_ ])
} map({ "CALL write($seconds)" } 1 .. $writers), "CALL settle($seconds)";
$reader = $standby->background_psql('postgres', on_error_stop => 0);
my $end = time() + $seconds;
my @got;
my $looks = 0;
while (time() < $end)
{
    push @got, pages(100);
    $looks++;
}
$_->finish for @running;
my $settled = $primary->safe_psql('postgres', 'SELECT goes_feed_settle()');
$primary->wait_for_catchup($standby);
push @got, pages(0);
my @stored = split(/\n/, $primary->safe_psql('postgres', 'SELECT position FROM events ORDER BY position'));
cmp_ok(scalar(@stored), '>', 500, scalar(@stored) . " events in $looks looks");
is(join(',', @got), join(',', @stored), 'the standby got every event once, in order');
is($cursor, $settled, 'and is where the primary is');
cmp_ok($standby->safe_psql('postgres', q{SELECT last_value FROM events_position_seq}), '>=', $cursor,
    'where the sequence runs ahead');

my $result = $standby->psql('postgres', '\set VERBOSITY verbose
SELECT goes_feed_settle()', stderr => \my $error);
like($error, qr/25006/, 'a standby settles nothing');
$standby->psql('postgres', '\set VERBOSITY verbose
SELECT * FROM goes_feed_writers()', stderr => \$error);
like($error, qr/25006/, 'and has no writers');

# A rewind that the primary has noticed is known here, too.
$primary->safe_psql('postgres', q{
    SELECT goes_create_store('other'), goes_alter_store('other', feed => true);
    INSERT INTO other (id, name, time) VALUES (gen_random_uuid(), 'e', 1);
    SELECT goes_feed_settle('other');
    SELECT setval('other_position_seq', 1, false)});
$primary->psql('postgres', q{SELECT goes_feed_settle('other')});
$primary->wait_for_catchup($standby);
$standby->psql('postgres', q{SELECT goes_feed_position(store => 'other')}, stderr => \$error);
like($error, qr/was rewound/, 'a rewind is known on the standby');

# A cursor from the primary, where the newest event was deleted, which the standby does not know yet.
$primary->safe_psql('postgres', q{
    SELECT goes_create_store('third'), goes_alter_store('third', feed => true);
    INSERT INTO third (id, name, time) SELECT gen_random_uuid(), 'e', n FROM generate_series(1, 5) AS n;
    SELECT goes_feed_settle('third')});
$primary->wait_for_catchup($standby);
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$standby->poll_query_until('postgres', q{SELECT pg_get_wal_replay_pause_state() = 'paused'}) or BAIL_OUT('replay goes on');
$primary->safe_psql('postgres', 'DELETE FROM third WHERE position > 3');
my $passed = $primary->safe_psql('postgres', q{SELECT id FROM goes_feed(5, store => 'third')});
my $go_on = "SELECT position, id FROM goes_feed(5, after_id => '$passed', store => 'third')";
is($primary->safe_psql('postgres', 'SELECT position FROM third WHERE id = ' . "'$passed'"), 3, 'a cursor behind events that were deleted');
is($standby->psql('postgres', $go_on), 0, 'is good on a standby that does not know that they were');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', $go_on), "5|$passed", 'and on one that does');

# The same where the standby does not even know the cursor's event, which was committed after a later one.
my $late = $primary->background_psql('postgres');
$late->query("BEGIN; INSERT INTO third (id, name, time) VALUES (gen_random_uuid(), 'late', 1)");
$primary->safe_psql('postgres', q{INSERT INTO third (id, name, time) VALUES (gen_random_uuid(), 'e', 1)});
$primary->wait_for_catchup($standby);
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
$standby->poll_query_until('postgres', q{SELECT pg_get_wal_replay_pause_state() = 'paused'}) or BAIL_OUT('replay goes on');
$late->query('COMMIT');
$late->quit;
$primary->safe_psql('postgres', 'DELETE FROM third WHERE position = 7');
$passed = $primary->safe_psql('postgres', q{SELECT position, id FROM goes_feed(7, store => 'third')});
$passed =~ s/^7\|//;
is($primary->safe_psql('postgres', "SELECT position FROM third WHERE id = '$passed'"), 6, 'a cursor with an event that came late');
is($standby->safe_psql('postgres', "SELECT position, id FROM goes_feed(7, after_id => '$passed', store => 'third')"),
    "7|$passed", 'comes back from a standby that has not got so far');
is($standby->safe_psql('postgres', "SELECT position, id FROM goes_feed(7, store => 'third')"), '7|', 'which knows none');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
$primary->wait_for_catchup($standby);

# Whoever waits on the primary tells the standby, too, although the waiting statement does not end.
my $waiter = $primary->background_psql('postgres');
my $told = 0;
for my $try (1 .. 3)
{
    # it tells no more than ten times a second: the second event is left to the wait
    my ($first, $last) = split(/\n/, $waiter->query(join('', q{
        INSERT INTO events (id, name, time) VALUES (gen_random_uuid(), 'e', 1);
        SELECT goes_feed_position();} x 2)));
    my $start = time();
    $waiter->query_until(qr/begun/, "\\echo begun\nSELECT goes_feed_position($last, wait_ms => 4000);\n");
    while ($standby->safe_psql('postgres', 'SELECT goes_feed_position()') < $last && time() < $start + 10)
    {
        usleep(20_000);
    }
    note(sprintf('position %d is known on the standby after %.2f s', $last, time() - $start));
    $told++ if time() < $start + 3;
    $waiter->query('');
}
is($told, 3, 'what a waiter has found is known on the standby soon');
$waiter->quit;
push @got, pages(0);

# Promoted with an open, a prepared and a committed transaction behind the mark.
my $open = $primary->background_psql('postgres');
$open->query("BEGIN; INSERT INTO events (id, name, time) VALUES (gen_random_uuid(), 'open', 1)");
$primary->safe_psql('postgres', q{
    BEGIN;
    INSERT INTO events (id, name, time) VALUES (gen_random_uuid(), 'prepared', 1);
    PREPARE TRANSACTION 'p'});
$primary->safe_psql('postgres', q{INSERT INTO events (id, name, time) VALUES (gen_random_uuid(), 'committed', 1)});
$primary->safe_psql('postgres', 'SELECT goes_feed_settle()');
$primary->wait_for_catchup($standby);
is(scalar(pages(0)), 0, 'they hold the standby back');
$primary->stop('immediate');
eval { $open->quit };
$standby->promote;
is(scalar(pages(0)), 0, 'the prepared one still does when it is promoted');
is($standby->safe_psql('postgres', 'SELECT gid, state FROM goes_feed_writers()'), 'p|prepared', 'which shows');
$standby->safe_psql('postgres', q{COMMIT PREPARED 'p'; INSERT INTO events (id, name, time) VALUES (gen_random_uuid(), 'new', 1)});
push @got, pages(0);
@stored = split(/\n/, $standby->safe_psql('postgres', 'SELECT position FROM events ORDER BY position'));
is(join(',', @got), join(',', @stored), 'then everything is delivered');

done_testing();
