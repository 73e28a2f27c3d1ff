# Many writers race for the same aggregate: losers learn what is there, and nothing that is
# stored in the end breaks a rule.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $clients = 20;
my $order = '019a0000-0000-7000-8000-00000000000a';

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "max_connections = 50\ndeadlock_timeout = 100ms\ntrack_commit_timestamp = on");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION goes_store;
    SELECT goes_create_store();
    -- What a writer got: the version, or the SQLSTATE and the current version of its DETAIL.
    CREATE TABLE outcomes (round text, writer text, outcome text, current_version integer);
    CREATE FUNCTION race(round text, writer text, command text) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        version integer;
        detail text;
    BEGIN
        EXECUTE command INTO version;
        INSERT INTO outcomes VALUES (round, writer, 'stored', version);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
        INSERT INTO outcomes VALUES (round, writer, SQLSTATE, CASE SQLSTATE WHEN 'VE001' THEN (detail::jsonb ->> 'current_version')::integer END);
    END
    $$;
});

my ($gate, @sessions) = map { $node->background_psql('postgres', on_error_stop => 0) } 0 .. $clients;
# what they wait for is limited a query at a time
$_->set_query_timer_restart() for $gate, @sessions;

# Runs each script in a session of its own, all of them from the moment that a lock is given up. Returns what
# the sessions say of errors.
sub at_once
{
    my @scripts = @_;
    my @running = @sessions[ 0 .. $#scripts ];
    $gate->query_safe('SELECT pg_advisory_lock(1)');
    for my $session (@running)
    {
        my $script = shift(@scripts);
        $session->query_until(qr/ready/, "\\echo ready\nSELECT pg_advisory_lock_shared(1);\n$script\nSELECT pg_advisory_unlock_shared(1);\n");
    }
    $node->poll_query_until('postgres',
        q{SELECT count(*) = } . scalar(@running) . q{ FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'advisory'})
      or die 'the sessions do not get to the gate';
    $gate->query_safe('SELECT pg_advisory_unlock(1)');
    $_->query('SELECT') for @running;
    my $errors = join('', map { $_->{stderr} } @running);
    $_->{stderr} = '' for @running;
    return $errors;
}

# A call that stores events with random ids, as the argument of race().
sub append
{
    my ($round, $count, $expected) = @_;
    return qq{SELECT race('$round', 'append', \$\$
        SELECT goes_append('$round', '$order', ARRAY(SELECT goes_new_event('x') FROM generate_series(1, $count)), $expected)\$\$);};
}

sub plain
{
    my ($round, $version) = @_;
    return qq{SELECT race('$round', 'plain', \$\$
        INSERT INTO events VALUES (gen_random_uuid(), 'x', 0, '$order', '$round', $version) RETURNING aggregate_version\$\$);};
}

sub outcomes
{
    my ($round, $writer) = @_;
    return $node->safe_psql('postgres', qq{
        SELECT string_agg(line, ' ' ORDER BY line)
        FROM (SELECT concat_ws('|', outcome, current_version, count(*)) AS line
              FROM outcomes WHERE round = '$round' AND writer = '$writer' GROUP BY outcome, current_version) AS lines});
}

sub versions
{
    my ($round) = @_;
    return $node->safe_psql('postgres', qq{
        SELECT count(*), count(DISTINCT aggregate_version), min(aggregate_version), max(aggregate_version)
        FROM events WHERE aggregate_name = '$round'});
}

# Deadlocks of the server since it started.
sub deadlocks
{
    return $node->safe_psql('postgres', q{SELECT pg_stat_force_next_flush(); SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'}) =~ s/^\s+//r;
}

for my $guard ('off', 'sequential', 'increasing')
{
    $node->safe_psql('postgres', "SELECT goes_alter_store(validate_versions => '$guard')");

    # Of those who expect the same version exactly one wins.
    for my $round (1 .. 3)
    {
        my $name = "$guard, exact $round";
        is(at_once((append($name, 1, 0)) x $clients), '', "$name: no session fails otherwise");
        is(outcomes($name, 'append'), 'VE001|1|' . ($clients - 1) . ' stored|1|1', "$name: one wins, the others learn its version");
        is(versions($name), '1|1|1|1', "$name: one event");
    }

    # The same with several events each.
    my $name = "$guard, exact three";
    is(at_once((append($name, 3, 0)) x $clients), '', "$name: no session fails otherwise");
    is(outcomes($name, 'append'), 'VE001|3|' . ($clients - 1) . ' stored|3|1', "$name: one wins");
    is(versions($name), '3|3|1|3', "$name: its three events");

    # Half of them do not use goes_append: they get 23505, the others never do.
    for my $round (1 .. 3)
    {
        $name = "$guard, mixed $round";
        is(at_once(((append($name, 1, 0)) x 10, (plain($name, 1)) x 10)), '', "$name: no session fails otherwise");
        my $all = outcomes($name, 'append') . ' / ' . outcomes($name, 'plain');
        ok($all eq 'VE001|1|9 stored|1|1 / 23505|10' || $all eq 'VE001|1|10 / 23505|9 stored|1|1', "$name: one wins")
          or diag($all);
        is(versions($name), '1|1|1|1', "$name: one event");
    }

    # Appends that expect any version all succeed.
    $name = "$guard, any";
    is(at_once((append($name, 1, 'NULL')) x $clients), '', "$name: no session fails otherwise");
    is(outcomes($name, 'append'), join(' ', sort map { "stored|$_|1" } 1 .. $clients), "$name: all land");
    is(versions($name), "$clients|$clients|1|$clients", "$name: without a gap");
    $name = "$guard, any three";
    is(at_once((append($name, 3, 'NULL')) x $clients), '', "$name: no session fails otherwise");
    is(outcomes($name, 'append'), join(' ', sort map { 'stored|' . $_ * 3 . '|1' } 1 .. $clients), "$name: all land");
    is(versions($name), join('|', ($clients * 3) x 2, 1, $clients * 3), "$name: without a gap");

    # Also when others take what they think to be the next version, with plain INSERTs.
    $name = "$guard, any mixed";
    is(at_once(((append($name, 1, 'NULL')) x 10, map { plain($name, $_) } 1 .. 10)), '', "$name: no session fails otherwise");
    my $stored = $node->safe_psql('postgres',
        qq{SELECT count(*) FROM outcomes WHERE round = '$name' AND writer = 'append' AND outcome = 'stored'});
    if ($guard eq 'increasing')
    {
        # a plain INSERT that leaves a gap may get in between: the guard says so
        is($node->safe_psql('postgres', qq{
            SELECT count(*) FROM outcomes WHERE round = '$name' AND outcome NOT IN ('stored', 'VE001') AND writer = 'append'}), '0',
            "$name: every append lands or gets VE001");
    }
    else
    {
        is($stored, '10', "$name: every append lands");
    }
    is($node->safe_psql('postgres', qq{
        SELECT count(*) FROM outcomes WHERE round = '$name' AND writer = 'plain' AND outcome NOT IN ('stored', '23505', 'VE001')}),
        '0', "$name: every INSERT is stored or refused");
}
is(deadlocks(), '0', 'no deadlock');

# The same append from many sessions at once, as when answers are lost: stored once.
my $same = qq{SELECT race('same', 'append', \$\$SELECT goes_append('same', '$order', ARRAY[
    goes_new_event('a', id => '019a0000-0000-7000-8000-000000000001', "time" => 1),
    goes_new_event('b', id => '019a0000-0000-7000-8000-000000000002', "time" => 2)], 0)\$\$);};
is(at_once(($same) x $clients), '', 'repeat: no session fails otherwise');
is(outcomes('same', 'append'), "stored|2|$clients", 'repeat: all are told the same');
is(versions('same'), '2|2|1|2', 'repeat: stored once');
$_->quit for $gate, @sessions;

# 12 writers with 60 attempts each: plain INSERTs of one to three rows of one or two aggregates, with
# versions that are sometimes the next ones, sometimes not.
sub attempts
{
    my ($guard, $isolation, $highest) = @_;
    $node->safe_psql('postgres', "TRUNCATE events; SELECT goes_alter_store(validate_versions => '$guard')");
    $node->pgbench(
        '--no-vacuum --client=12 --jobs=2 --transactions=60',
        0,
        [qr{actually processed: 720/720}],
        [qr{^$}],
        "$guard at $isolation: 12 writers with 60 attempts each",
        {
            $guard . ($isolation =~ s/ /_/r) => qq{
                \\set aggregate random(1, 3)
                \\set step random(0, $highest)
                \\set count random(1, 3)
                SET default_transaction_isolation = '$isolation';
                DO \$\$
                BEGIN
                    PERFORM goes_count(), pg_sleep(random() * 0.003);
                    INSERT INTO events
                    SELECT gen_random_uuid(), 'x', 0, lpad((:aggregate + n % 2)::text, 32, '0')::uuid, 'raced',
                           goes_aggregate_version('raced', lpad((:aggregate + n % 2)::text, 32, '0')::uuid) + :step + (n - 1) / 2
                    FROM generate_series(1, :count) AS n;
                    PERFORM pg_sleep(random() * 0.003);
                EXCEPTION
                    WHEN unique_violation OR SQLSTATE 'VE001' OR serialization_failure OR deadlock_detected THEN
                        NULL;
                END
                \$\$;
            }
        });
    return;
}

for my $isolation ('read committed', 'repeatable read')
{
    attempts('sequential', $isolation, 2);
    is($node->safe_psql('postgres', q{
        SELECT sum(stored) > 50, bool_and(newest = stored AND first = 1)
        FROM (SELECT count(*) AS stored, max(aggregate_version) AS newest, min(aggregate_version) AS first
              FROM events GROUP BY aggregate_id) AS aggregates}),
        't|t', "sequential at $isolation: there is no gap");

    attempts('increasing', $isolation, 5);
    is($node->safe_psql('postgres', q{
        SELECT count(*) > 50, bool_and(version > before) IS NOT FALSE
        FROM (SELECT aggregate_version AS version,
                     max(aggregate_version) OVER (PARTITION BY aggregate_id ORDER BY pg_xact_commit_timestamp(xmin)
                                                  GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
              FROM events) AS history}),
        't|t', "increasing at $isolation: whoever commits later has the higher version");
}

# Transactions that append to many aggregates do not get in each other's way if those are different
# ones, and do not fill the server's table of locks.
for my $guard ('off', 'sequential', 'increasing')
{
    $node->safe_psql('postgres', "TRUNCATE events; SELECT goes_alter_store(validate_versions => '$guard')");
    $node->pgbench(
        '--no-vacuum --client=8 --jobs=2 --transactions=10',
        0,
        [qr{actually processed: 80/80}],
        [qr{^$}],
        "$guard: 8 clients append to 200 new aggregates at a time",
        {
            "many_$guard" => q{
                SELECT count(goes_append('many', gen_random_uuid(), ARRAY[goes_new_event('x')], 0)) FROM generate_series(1, 200);
            }
        });
    is($node->safe_psql('postgres', 'SELECT count(*), max(aggregate_version) FROM events'), '16000|1', "$guard: all are stored");
}

$node->stop;
done_testing();
