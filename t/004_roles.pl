# Who may install and use it: the owner of a database without being superuser, and a standby's
# readers. A store cannot be made while an extension script runs.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->start;

# The extension is trusted: a database's owner installs, uses and drops it.
$node->safe_psql('postgres', 'CREATE ROLE shop LOGIN; CREATE DATABASE shop OWNER shop');
is( $node->safe_psql(
        'shop', q{
            CREATE EXTENSION goes_store;
            SELECT goes_create_store();
            SELECT goes_insert_batch(ARRAY[goes_new_event('opened', '{"by": "owner"}')]);
            SELECT name, data FROM goes_query()},
        extra_params => [ '-U', 'shop' ]),
    qq{events\n1\nopened|{"by": "owner"}},
    'the owner of a database needs no superuser');

# A standby: reading works, creating what is there already passes, writing is refused.
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is( $standby->safe_psql('shop', q{
        SELECT goes_create_store();
        SELECT count(*) FROM goes_check_store();
        SELECT goes_count(), goes_aggregate_version('a', '00000000-0000-7000-8000-000000000001');
        BEGIN; SELECT goes_query_cursor(portal => 'c'); FETCH ALL FROM c \gset event_
        \echo :event_name
        COMMIT;}),
    "events\n0\n1|0\nc\nopened",
    'a standby can be read');
for my $call (
    q{goes_insert_batch(ARRAY[goes_new_event('a')])},
    q{goes_append('a', goes_uuid_v7(), ARRAY[goes_new_event('a')])},
    q{goes_delete(ARRAY[goes_uuid_v7()])},
    q{goes_alter_store(append_only => true)},
    q{goes_alter_store(append_only => false)},
    q{goes_create_store('other')})
{
    my ($result, $output, $error) = $standby->psql('shop', "\\set VERBOSITY sqlstate\nSELECT $call");
    like($error, qr/ERROR:  25006/, "a standby refuses $call");
}
$standby->stop;

# An extension script that makes a store: the table would be that extension's member.
my $directory = PostgreSQL::Test::Utils::tempdir();
my ($setting, $extensions);
if ($node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'extension_control_path'}) eq '1')
{
    ($setting, $extensions) = ("extension_control_path = '\$system:$directory'", "$directory/extension");
}
elsif ($node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'extension_destdir'}) eq '1')
{
    my ($shared) = run_command([ 'pg_config', '--sharedir' ]);
    ($setting, $extensions) = ("extension_destdir = '$directory'", "$directory$shared/extension");
}
SKIP:
{
    skip 'this server finds extensions in one place only, which is not ours to write to', 2
      unless defined($setting);
    system_or_bail('mkdir', '-p', $extensions);
    append_to_file("$extensions/with_store.control", "default_version = '1'\nrelocatable = true\n");
    append_to_file("$extensions/with_store--1.sql", "SELECT goes_create_store('members');\n");
    $node->append_conf('postgresql.conf', $setting);
    $node->restart;
    my ($result, $output, $error) = $node->psql('shop', "\\set VERBOSITY verbose\nCREATE EXTENSION with_store");
    like($error, qr/ERROR:  55000: a store cannot be created while an extension script runs/, 'refused');
    is($node->safe_psql('shop', q{SELECT to_regclass('members')}), '', 'and nothing made');
}

$node->stop;
done_testing();
