# Stores of every kind, filled, for tests of what must outlive an upgrade: guards, a feed, subscriptions that
# are in the middle of their work, snapshots, models, and views on them.

package Stores;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use Test::More;

our @EXPORT = qw(fill_stores rows_of_stores feed_cursor stores_go_on);

my $aggregate = '00000000-0000-7000-8000-00000000000';

# Fills a database that has the extension. Of the subscription "mails", with one partition, events 1 to 3 are
# done, 4 has failed and does not come again for an hour, 5 and 6 are claimed by a worker that is gone; of "all"
# nothing is done, and one of the name "gone" was removed.
sub fill_stores
{
    my ($node, $database) = @_;
    $node->safe_psql($database, qq{
        CREATE SCHEMA shop;
        SELECT goes_create_store('shop.orders'), goes_create_snapshot_store('shop.snapshots'), goes_create_model_store('shop.models');
        SELECT goes_alter_store('shop.orders', validate_versions => 'sequential', append_only => true, feed => true);
        SELECT goes_append('order', format('$aggregate%s', n)::uuid, ARRAY[goes_new_event('placed', '{"n": 1}'),
                           goes_new_event('paid')], 0, 'shop.orders') FROM generate_series(1, 5) AS n;
        SELECT goes_snapshot_save('order', '${aggregate}1', 1, '\\x005c0a', 1, 'shop.snapshots');
        SELECT goes_model_save('order/1', '{"a": [1.50, "a"]}', store => 'shop.models');
        CREATE VIEW shop.recent AS SELECT name, data FROM goes_query(sort => '{time desc}', store => 'shop.orders');
        CREATE TABLE shop.outbox AS SELECT goes_new_event('sent', id => '${aggregate}f', "time" => 1) AS event;
        SELECT goes_create_subscription_store('shop.subscriptions');
        SELECT goes_subscribe(name, partitions => 1, backoff_ms => 3600000, backoff_max_ms => 3600000,
                              events => 'shop.orders', store => 'shop.subscriptions')
        FROM unnest('{mails,all,gone}'::text[]) AS name});
    $node->safe_psql($database, q{
        SELECT goes_feed_settle('shop.orders');
        SELECT FROM goes_claim('mails', 'first', 4, store => 'shop.subscriptions');
        SELECT goes_done('mails', 0, (SELECT epoch FROM shop.subscriptions_partitions WHERE subscription = 'mails'),
                         '{1,2,3}', '{4}', '{no printer}', 'shop.subscriptions');
        SELECT FROM goes_claim('gone', 'first', 1, store => 'shop.subscriptions')});
    $node->safe_psql($database, q{
        SELECT goes_unsubscribe('gone', 'shop.subscriptions');
        SELECT FROM goes_claim('mails', 'second', 2, lease_ms => 3600000, store => 'shop.subscriptions')});
    return;
}

# Every row of every table and sequence there, and what the views show.
sub rows_of_stores
{
    my ($node, $database) = @_;
    # a sequence's third column counts what WAL has ahead, which a restart forgets
    my @queries = split(/\n/, $node->safe_psql($database, q{
        SELECT format(CASE relkind WHEN 'S' THEN 'SELECT last_value, is_called FROM %s' ELSE 'SELECT r::text FROM %s AS r ORDER BY 1' END,
                      oid::regclass)
        FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'S', 'v') ORDER BY 1}));
    return join("\n", map { "$_:\n" . $node->safe_psql($database, $_) } @queries);
}

# Where a reader of the feed is that has read all of it.
sub feed_cursor
{
    my ($node, $database) = @_;
    return split(/\|/, $node->safe_psql($database, q{SELECT position, id FROM goes_feed(store => 'shop.orders') WHERE name IS NULL}));
}

# What a call says in a database: its rows, or its error's SQLSTATE.
sub said
{
    my ($node, $database, $sql) = @_;
    my ($status, $rows, $error) = $node->psql($database, "\\set VERBOSITY sqlstate\n$sql");
    return $error =~ /ERROR:  (\w+)/ ? $1 : $rows;
}

# Guards hold, the feed is complete and goes on where a reader was, and so do subscriptions.
sub stores_go_on
{
    my ($node, $database, @cursor) = @_;
    my $said = sub { return said($node, $database, @_) };
    is($said->(q{SELECT * FROM goes_check_store('shop.orders')}), '', "$database: the store is sound");

    is($said->(qq{INSERT INTO shop.orders VALUES (gen_random_uuid(), 'x', 0, '${aggregate}1', 'order', 9)}), 'VE001',
        "$database: the guard of versions holds");
    is($said->('DELETE FROM shop.orders'), 'VE002', "$database: and that of append-only stores");
    is($said->(qq{SELECT goes_append('order', '${aggregate}1', ARRAY[goes_new_event('x')], 1, 'shop.orders')}), 'VE001',
        "$database: an append with an outdated version is refused");

    is($said->(q{SELECT string_agg(position::text, ' ' ORDER BY position) FROM goes_feed(store => 'shop.orders') WHERE name IS NOT NULL}),
        '1 2 3 4 5 6 7 8 9 10', "$database: the feed has every event once");
    is($said->(qq{SELECT goes_append('order', '${aggregate}1', ARRAY[goes_new_event('sent')], 2, 'shop.orders')}), '3',
        "$database: appends go on");
    is($said->("SELECT position > $cursor[0], name FROM goes_feed($cursor[0], after_id => '$cursor[1]', store => 'shop.orders') ORDER BY 1, 2"),
        "t|sent\nt|", "$database: a reader goes on with a cursor from before, and higher positions");

    is($said->(qq{SELECT aggregate_version, state IS NULL FROM goes_load('order', '${aggregate}1', 'shop.snapshots', 'shop.orders')}),
        "1|f\n2|t\n3|t", "$database: snapshots are loaded");
    is($said->(q{SELECT goes_model_fetch('order/1', 'shop.models') -> 'a' ->> 0}), '1.50', "$database: models are there");
    subscriptions_go_on($said, $database);
    return;
}

# A lease from before holds until it is over; then another worker gets what was not done, under a higher number,
# and the worker from before is refused.
sub subscriptions_go_on
{
    my ($said, $database) = @_;
    my ($epoch, $highest) = split(/\|/, $said->(q{
        SELECT epoch, last_value FROM shop.subscriptions_partitions, shop.subscriptions_partitions_epoch_seq
        WHERE subscription = 'mails'}));
    is($said->(q{SELECT FROM goes_claim('mails', 'third', 9, store => 'shop.subscriptions')}), '', "$database: a lease from before holds");
    $said->(q{UPDATE shop.subscriptions_partitions SET lease_until = now() - interval '1 s' WHERE worker IS NOT NULL});
    is($said->(q{SELECT string_agg(position::text, ' ' ORDER BY position), min(epoch) > } . $epoch
              . q{ FROM goes_claim('mails', 'third', 2, store => 'shop.subscriptions')}), '5 6|t',
        "$database: when it is over, another worker gets what was not done, under a higher epoch");
    is($said->("SELECT goes_done('mails', 0, $epoch, '{5,6}', store => 'shop.subscriptions')"), 'VE005',
        "$database: the worker from before comes too late");
    is($said->(q{SELECT count(*) FROM goes_claim('all', 'w', 100, store => 'shop.subscriptions')}), '11', "$database: a subscription has every event");
    is($said->(q{SELECT goes_subscribe('gone', partitions => 1, events => 'shop.orders', store => 'shop.subscriptions') IS NULL;
                 SELECT DISTINCT epoch > } . $highest . q{ FROM goes_claim('gone', 'w', 1, store => 'shop.subscriptions')}), "f\nt",
        "$database: one that was removed, and is made anew, goes on behind its epochs");
    return;
}

1;
