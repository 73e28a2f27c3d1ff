# A dump and a restore keep subscriptions where they were: checkpoints, batches, leases and what is
# held. What was restored in pieces is told apart from what it was, and asks where to go on.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Dumps;
use Test::More;

start_server();

# Events of four aggregates, one after the other.
my $insert = q{
    INSERT INTO shop.events (id, name, time, aggregate_name, aggregate_id, aggregate_version)
    SELECT gen_random_uuid(), 'e', n, 'order', format('00000000-0000-4000-8000-00000000000%%s', n %% 4)::uuid, n / 4 + 1
    FROM generate_series(%d, %d) AS n};
my $state = q{
    SELECT (SELECT string_agg(s::text, ' ') FROM shop.subscriptions AS s),
           (SELECT string_agg(p::text, ' ' ORDER BY "partition") FROM shop.subscriptions_partitions AS p),
           (SELECT string_agg(r::text, ' ' ORDER BY "position") FROM shop.subscriptions_retries AS r)};

# What a worker gets and does in turns, until nothing is left; or the error that it meets.
sub work_off
{
    my ($database) = @_;
    my @turns;
    while (1)
    {
        $node->psql($database, q{
            \set VERBOSITY verbose
            CREATE TEMPORARY TABLE got AS SELECT "partition", epoch, "position", attempts
            FROM shop.goes_claim('all', 'w', 100, store => 'shop.subscriptions');
            SELECT string_agg("position" || CASE WHEN attempts > 0 THEN '!' ELSE '' END, ' ' ORDER BY "position") FROM got;
            SELECT FROM (SELECT shop.goes_done('all', "partition", epoch, array_agg("position"), store => 'shop.subscriptions')
                         FROM got GROUP BY "partition", epoch) AS done},
            stdout => \my $got, stderr => \my $error);
        return $error if $error ne '';
        $got =~ s/\n.*//s;
        return join(', ', @turns) if $got eq '';
        push @turns, $got;
    }
}

# As if all leases were over.
sub end_leases
{
    my ($database) = @_;
    $node->safe_psql($database, q{UPDATE shop.subscriptions_partitions SET lease_until = now() - interval '1 s' WHERE worker IS NOT NULL});
    return;
}

# The epoch of the first lease of a subscription that was removed before the dump, and is made anew.
sub epoch_anew
{
    my ($database) = @_;
    return $node->safe_psql($database, q{
        SELECT shop.goes_subscribe('gone', partitions => 1, events => 'shop.events', store => 'shop.subscriptions') IS NULL;
        SELECT DISTINCT epoch FROM shop.goes_claim('gone', 'w', 1, store => 'shop.subscriptions');
        SELECT shop.goes_unsubscribe('gone', 'shop.subscriptions') IS NULL}) =~ s/^f\n(.*)\nf$/$1/r;
}

# Positions 1 to 4 are done, 5 failed, 9 and 13 wait behind it, 6 to 8 are claimed and not done, the rest is new.
$node->safe_psql('postgres', q{
    CREATE SCHEMA shop;
    CREATE EXTENSION goes_store SCHEMA shop;
    SELECT shop.goes_create_store('shop.events'), shop.goes_alter_store('shop.events', feed => true)});
$node->safe_psql('postgres', sprintf($insert, 1, 14));
$node->safe_psql('postgres', q{
    SELECT shop.goes_create_subscription_store('shop.subscriptions');
    SELECT shop.goes_subscribe('all', partitions => 1, aggregate_names => '{order}', backoff_ms => 3600000,
                               backoff_max_ms => 3600000, events => 'shop.events', store => 'shop.subscriptions');
    SELECT FROM shop.goes_claim('all', 'first', 8, store => 'shop.subscriptions');
    SELECT shop.goes_done('all', 0, 1, '{1,2,3,4}', '{5}', '{no printer}', store => 'shop.subscriptions')});
is(epoch_anew('postgres'), 1, 'a subscription is removed');
dump_to('whole');
dump_to('schema', '--schema-only');
dump_to('data', '--data-only');
dump_to('subscriptions', '--data-only', '--table=shop.subscriptions*');

# ---- A whole database: who was at it is at it, and the others go on.
$node->safe_psql('postgres', 'CREATE DATABASE whole');
restore_into('whole', 'whole');
is($node->safe_psql('whole', $state), $node->safe_psql('postgres', $state), 'whole: everything is as it was');
is($node->safe_psql('whole', q{SELECT * FROM shop.goes_check_store('shop.events')}), '', 'whole: the store is sound');
is(epoch_anew('whole'), 2, 'whole: no lease has the number of one of a subscription that was removed');
is(work_off('whole'), '', 'whole: a worker has the partition');
is( $node->safe_psql('whole', q{SELECT "position", behind, worker, retrying, parked, waiting FROM shop.goes_subscription_lag('shop.subscriptions')}),
    '8|9|first|1|0|0', 'whole: the lag');
$node->safe_psql('whole', q{SELECT shop.goes_done('all', 0, 1, '{6}', store => 'shop.subscriptions')});
end_leases('whole');
is(work_off('whole'), '7! 8!, 10 11 12 14', 'whole: what was not done comes, and no other');
is($node->safe_psql('whole', q{SELECT "position", error IS NULL FROM shop.subscriptions_retries ORDER BY 1}), "5|f\n9|t\n13|t", 'whole: what is held stays held');
$node->safe_psql('whole', q{SELECT shop.goes_unpark('all', '{5}', store => 'shop.subscriptions')});
is(work_off('whole'), '5 9 13', 'whole: until its turn comes');
$node->safe_psql('whole', sprintf($insert, 15, 16));
is(work_off('whole'), '15 16', 'whole: and on');

# ---- Only the data, into a database that has the schema.
$node->safe_psql('postgres', 'CREATE DATABASE data');
restore_into('data', 'schema');
restore_into('data', 'data');
is($node->safe_psql('data', $state), $node->safe_psql('postgres', $state), 'data: everything is as it was');
is($node->safe_psql('data', q{SELECT * FROM shop.goes_check_store('shop.events')}), '', 'data: the store is sound');
is(epoch_anew('data'), 2, 'data: no lease has the number of one of a subscription that was removed');
end_leases('data');
is(work_off('data'), '6! 7! 8!, 10 11 12 14', 'data: what was not done comes, and no other');

# ---- Only the tables of subscriptions: they are older than the events, so some come again.
$node->safe_psql('data', 'TRUNCATE shop.subscriptions, shop.subscriptions_partitions, shop.subscriptions_retries');
restore_into('data', 'subscriptions');
end_leases('data');
is(work_off('data'), '6! 7! 8!, 10 11 12 14', 'subscriptions: what has been done since comes again');

# ---- Only the events, from before: other events get the positions that were passed.
dump_to('events', '--data-only', '--table=shop.events', '--table=shop.events_position_seq');
$node->safe_psql('whole', sprintf($insert, 17, 40));
is(work_off('whole'), join(' ', 17 .. 40), 'events: subscriptions are further');
$node->safe_psql('whole', 'TRUNCATE shop.events');
restore_into('whole', 'events');
like(work_off('whole'), qr/VE006.*goes_alter_store/s, 'events: the feed was rewound');
$node->safe_psql('whole', q{SELECT shop.goes_alter_store('shop.events', feed => true)});
like(work_off('whole'), qr/VE006.*are not those that subscription "all" has passed.*goes_rewind\('all', 0, store => 'shop.subscriptions'\)/s, 'events: the subscription does not fit');
$node->safe_psql('whole', sprintf($insert, 15, 60));
like(work_off('whole'), qr/VE006/, 'events: even when its position is reached again');
like($node->safe_psql('whole', q{SELECT problem FROM shop.goes_check_store('shop.events')}), qr/subscription "all" stands still/, 'events: a check lists it');
is($node->safe_psql('whole', q{SELECT "position", behind IS NULL FROM shop.goes_subscription_lag('shop.subscriptions')}), '40|t', 'events: its lag is not known');
$node->safe_psql('whole', q{SELECT shop.goes_rewind('all', 14, store => 'shop.subscriptions')});
is(work_off('whole'), join(' ', 15 .. 60), 'events: a person says where to go on');
is($node->safe_psql('whole', q{SELECT * FROM shop.goes_check_store('shop.events')}), '', 'events: the store is sound');

# ---- The events with all of their feed, from before: nothing but the passed event itself tells.
dump_to('feed', '--data-only', '--table=shop.events*');
$node->safe_psql('data', q{SELECT shop.goes_skip('all', '{5}', store => 'shop.subscriptions')});
is(work_off('data'), '9 13', 'feed: nothing is held any more');
$node->safe_psql('data', sprintf($insert, 15, 40));
is(work_off('data'), join(' ', 15 .. 40), 'feed: subscriptions are further');
$node->safe_psql('data', 'TRUNCATE shop.events; DELETE FROM shop.events_feed');
restore_into('data', 'feed');
like(work_off('data'), qr/VE006.*checkpoint 40 is beyond the end/s, 'feed: the checkpoint is beyond the end');
$node->safe_psql('data', sprintf($insert, 15, 60));
like(work_off('data'), qr/VE006.*newest event up to position 40 is not the one that was there/s, 'feed: another event is there');
$node->safe_psql('data', q{SELECT shop.goes_rewind('all', 14, store => 'shop.subscriptions')});
is(work_off('data'), join(' ', 15 .. 60), 'feed: a person says where to go on');

$node->stop;
done_testing();
