# Workers claim while their subscription is removed and made anew under its name, again and again: no lease
# of a partition has the number of an earlier one, so nobody is taken for somebody else. With effects
# elsewhere, events would be lost that way: a late worker says that those are done which another one has.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Feed;
use Test::More;

start_server();
in_session('setup', q{
    SELECT goes_create_store(), goes_alter_store(feed => true), goes_create_subscription_store();
    INSERT INTO events (id, name, time) SELECT gen_random_uuid(), 'e', n FROM generate_series(1, 200) AS n;
    SELECT goes_subscribe('one', partitions => 4);
    CREATE TABLE leases ("partition" integer, epoch bigint, life bigint, PRIMARY KEY ("partition", epoch));
    CREATE SEQUENCE lives;
    CREATE FUNCTION is_lost(part integer, epoch bigint) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM goes_renew('one', part, epoch, 1);
        RETURN false;
    EXCEPTION WHEN SQLSTATE 'VE005' THEN
        RETURN true;
    END
    $$});

$node->pgbench(
    '--no-vacuum --client=8 --transactions=200 --max-tries=1000',
    0,
    [qr{processed: 1600/1600}],
    [qr{^}],
    'every lease has a number of its own',
    {
        # the lives of a subscription are told apart by a number that only those who make it anew draw
        'claim.sql@12' => q{
            INSERT INTO leases SELECT DISTINCT "partition", epoch, (SELECT last_value FROM lives)
            FROM goes_claim('one', 'worker :client_id', 3, lease_ms => 2)},
        'anew.sql@1' => q{
            SELECT pg_advisory_lock(35);
            SELECT nextval('lives'), goes_unsubscribe('one'), goes_subscribe('one', partitions => 4);
            SELECT pg_advisory_unlock(35)},
        # somebody who has been late for two lives or more
        'late.sql@3' => q{
            SELECT 1 / is_lost("partition", epoch)::integer FROM leases
            WHERE life < (SELECT last_value FROM lives) - 1 ORDER BY random() LIMIT 1},
    });
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM leases'), '>', 200, 'many leases');
cmp_ok($node->safe_psql('postgres', 'SELECT count(DISTINCT life) FROM leases'), '>', 20, 'of many lives');

$node->stop;
done_testing();
