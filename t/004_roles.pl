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

is( $node->safe_psql(
        'shop', q{
            SELECT goes_create_snapshot_store(), goes_create_model_store();
            SELECT goes_snapshot_save('order', '00000000-0000-7000-8000-000000000001', 1, '\x01', 1);
            SELECT goes_model_save('order', '{"n": 1}')},
        extra_params => [ '-U', 'shop' ]),
    "snapshots|models\n\n",
    'nor for snapshots and models');

# Grants on snapshots and models: what each function takes, and nothing more.
$node->safe_psql('shop', q{
    CREATE ROLE reader LOGIN; CREATE ROLE saver LOGIN; CREATE ROLE pruner LOGIN;
    GRANT SELECT ON events, snapshots, models TO reader;
    GRANT SELECT, INSERT, UPDATE ON snapshots, models TO saver;
    GRANT SELECT, UPDATE, DELETE ON snapshots, models TO pruner});
my $order = q{'order', '00000000-0000-7000-8000-000000000001'};
my %allowed = (
    "goes_snapshot_latest($order)" => 'reader saver pruner',
    "goes_snapshot_query(aggregate_names => '{order}')" => 'reader saver pruner',
    "goes_load($order)" => 'reader',
    "goes_history($order)" => 'reader',
    "goes_snapshot_save($order, 2, '')" => 'saver',
    "goes_snapshot_delete($order, 3)" => 'pruner',
    "goes_snapshot_prune(0)" => 'pruner',
    "goes_model_fetch('order')" => 'reader saver pruner',
    "goes_model_lock('order')" => 'saver pruner',
    "goes_model_lock('order', '0')" => 'saver pruner',
    "goes_model_lock('missing', '0')" => 'saver',
    "goes_model_save('order', '0')" => 'saver',
    "goes_model_delete('missing')" => 'pruner',
    'goes_create_snapshot_store()' => 'reader saver pruner',
    'goes_create_model_store()' => 'reader saver pruner');
for my $call (sort keys %allowed)
{
    my @may;
    for my $role (qw(reader saver pruner))
    {
        my ($result, $output, $error) = $node->psql('shop', "\\set VERBOSITY verbose\nBEGIN; SELECT $call; ROLLBACK",
            extra_params => [ '-U', $role ]);
        push(@may, $role) if $error eq '';
        like($error, qr/ERROR:  42501: .*HINT:  Have its owner run GRANT [A-Z, ]+ ON public.\w+ TO $role\./s,
            "$role may not call $call, and learns what to do") if $error ne '';
    }
    is(join(' ', @may), $allowed{$call}, "who may call $call");
}

# The three roles of docs/operations.md, by its own words, are enough for every function that writes, and a writer cannot fill
# a column that is not the store's.
my $recipe = join("\n", slurp_file("docs/operations.md") =~ /^((?:CREATE ROLE store_|GRANT )[^;]*;)/mg);
like($recipe, qr/store_owner.*store_writer.*store_reader.*GRANT INSERT \(id, .*, data\)\s+ON events TO store_writer/s, 'docs/operations.md has a recipe');
$node->safe_psql('postgres', 'CREATE DATABASE recipe');
$node->safe_psql('recipe', "CREATE EXTENSION goes_store; CREATE ROLE store_owner; GRANT CREATE ON SCHEMA public TO store_owner;
    SET ROLE store_owner;
    SELECT goes_create_store(), goes_create_snapshot_store(), goes_create_model_store();
    ALTER TABLE events ADD COLUMN written_by text DEFAULT session_user;
    SELECT goes_alter_store(validate_versions => 'increasing', append_only => true);
    RESET ROLE;
    " . $recipe =~ s/^CREATE ROLE store_owner .*$//mr . "
    CREATE ROLE writer LOGIN IN ROLE store_writer; CREATE ROLE guest LOGIN IN ROLE store_reader");
my $sent = q{goes_new_event('a', NULL, 'order', '00000000-0000-7000-8000-000000000001', NULL, '00000000-0000-7000-8000-00000000000a', 1)};
my @writes = (
    q{goes_create_store(), goes_create_snapshot_store(), goes_create_model_store()},
    q{goes_insert_batch(ARRAY[goes_new_event('a'), goes_new_event('b')])},
    qq{goes_append($order, ARRAY[$sent], 0)},
    qq{goes_append($order, ARRAY[$sent], 0)},
    qq{goes_append($order, ARRAY[goes_new_event('b'), goes_new_event('c')])},
    qq{goes_append($order, ARRAY[goes_new_event('d'), goes_new_event('e')], 3)},
    qq{goes_append_each(ARRAY[($order, ARRAY[goes_new_event('f')], 5)]::goes_append_item[])},
    qq{goes_snapshot_save($order, 1, '')},
    qq{goes_snapshot_save($order, 1, 'again')},
    q{goes_model_save('a', '1')},
    q{goes_model_save('a', '2')},
    q{goes_model_lock('a')},
    q{goes_model_lock('b', '1')});
my @removals = (
    q{goes_delete(ARRAY[goes_uuid_v7()])},
    qq{goes_snapshot_delete($order, 1)},
    q{goes_snapshot_prune(0)},
    q{goes_model_delete('a')},
    q{goes_alter_store(append_only => false)});
sub error_of
{
    my ($role, $call) = @_;
    my ($result, $output, $error) = $node->psql('recipe', "\\set VERBOSITY sqlstate\nSELECT $call", extra_params => [ '-U', $role ]);
    return $error;
}
is(error_of('writer', $_), '', "the recipe's writer may call $_") for @writes;
like(error_of('writer', $_), qr/ERROR:  42501$/, "and may not call $_") for @removals;
is(error_of('guest', $_), '', "the recipe's reader may call $_")
  for $writes[0], 'goes_count()', "(goes_load($order)).name", "(goes_history($order)).name", "goes_model_fetch('a')", '(goes_query()).name, (goes_snapshot_query()).state';
like(error_of('guest', $_), qr/ERROR:  42501$/, "and may not call $_") for @writes[ 1, 4, 6 .. $#writes ], @removals;
my ($status, $nothing, $refusal) = $node->psql('recipe',
    q{INSERT INTO events (id, name, "time", written_by) VALUES (gen_random_uuid(), 'a', 1, 'another')}, extra_params => [ '-U', 'writer' ]);
like($refusal, qr/permission denied for table events/, 'a writer cannot pass for another');
is($node->safe_psql('recipe', q{SELECT string_agg(DISTINCT written_by, ','), count(*) FROM events}), 'writer|8', 'and is known by what it wrote');

# A standby: reading works, creating what is there already passes, writing is refused.
$node->safe_psql('shop', 'CREATE UNLOGGED TABLE unlogged (LIKE events INCLUDING ALL)');
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
        COMMIT;
        SELECT goes_create_snapshot_store(), goes_create_model_store();
        SELECT count(*), goes_model_fetch('order') FROM goes_load('order', '00000000-0000-7000-8000-000000000001');}),
    qq{events\n0\n1|0\nc\nopened\nsnapshots|models\n1|{"n": 1}},
    'a standby can be read');
for my $call (
    q{goes_insert_batch(ARRAY[goes_new_event('a')])},
    q{goes_append('a', goes_uuid_v7(), ARRAY[goes_new_event('a')])},
    q{goes_delete(ARRAY[goes_uuid_v7()])},
    q{goes_alter_store(append_only => true)},
    q{goes_alter_store(append_only => false)},
    q{goes_create_store('other')},
    q{goes_create_snapshot_store('other')},
    q{goes_create_model_store('other')},
    q{goes_snapshot_save('order', goes_uuid_v7(), 1, '')},
    q{goes_snapshot_prune(0)},
    q{goes_model_lock('order')},
    q{goes_model_save('order', '0')})
{
    my ($result, $output, $error) = $standby->psql('shop', "\\set VERBOSITY sqlstate\nSELECT $call");
    like($error, qr/ERROR:  25006/, "a standby refuses $call");
}
for my $call (q{goes_count(store => 'unlogged')}, q{goes_aggregate_version('a', goes_uuid_v7(), 'unlogged')})
{
    my ($result, $output, $error) = $standby->psql('shop', "\\set VERBOSITY sqlstate\nSELECT $call");
    like($error, qr/ERROR:  0A000/, "an unlogged table has no rows on a standby: $call");
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
    skip 'this server finds extensions in one place only, which is not ours to write to', 4
      unless defined($setting);
    system_or_bail('mkdir', '-p', $extensions);
    append_to_file("$extensions/with_store.control", "default_version = 'store'\nrelocatable = true\n");
    append_to_file("$extensions/with_store--$_.sql", "SELECT goes_create_${_}('members');\n")
      for qw(store snapshot_store model_store);
    $node->append_conf('postgresql.conf', $setting);
    $node->restart;
    for my $version (qw(store snapshot_store model_store))
    {
        my ($result, $output, $error) =
          $node->psql('shop', "\\set VERBOSITY verbose\nCREATE EXTENSION with_store VERSION '$version'");
        like($error, qr/ERROR:  55000: a store cannot be created while an extension script runs/, "$version: refused");
    }
    is($node->safe_psql('shop', q{SELECT to_regclass('members')}), '', 'and nothing made');
}

$node->stop;
done_testing();
