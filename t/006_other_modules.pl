# Next to other modules: one that wraps the executor gets statements as PostgreSQL's own callers make them.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = PostgreSQL::Test::Utils::tempdir();
my ($headers) = run_command([ 'pg_config', '--includedir-server' ]);
system_or_bail($ENV{CC} // 'cc', '-shared', '-fPIC', '-I', $headers, '-o', "$directory/wrapper.so", 't/wrapper.c');

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = '$directory/wrapper.so'");
$node->start;
$node->safe_psql('postgres', q{
    CREATE EXTENSION goes_store;
    SELECT goes_create_store(), goes_create_snapshot_store(), goes_create_model_store()});

for my $call (
    'goes_query()',
    'goes_count()',
    'goes_query_cursor()',
    'goes_snapshot_query()',
    q{goes_insert_batch(ARRAY[goes_new_event('a')])},
    q{goes_append('a', goes_uuid_v7(), ARRAY[goes_new_event('a'), goes_new_event('b')])},
    q{goes_append_each(ARRAY[('a', goes_uuid_v7(), ARRAY[goes_new_event('a')], 0), ('a', goes_uuid_v7(), ARRAY[goes_new_event('b')], 7)]::goes_append_item[])},
    q{goes_insert_json('{"name": "a"}')},
    q{goes_append_json('a', goes_uuid_v7(), '[{"name": "a"}, {"name": "b"}]')},
    q{goes_load('a', goes_uuid_v7())},
    q{goes_history('a', goes_uuid_v7())},
    'goes_snapshot_prune(1)',
    q{goes_model_lock('a', '1')})
{
    my ($result, $output, $error) = $node->psql('postgres', "SELECT count(*) FROM $call");
    is($error, '', $call);
}

$node->stop;
done_testing();
