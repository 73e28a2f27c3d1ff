# ALTER EXTENSION goes_store UPDATE makes the SQL of every older version the same as that of a fresh install, and
# leaves stores as they are. The test proves itself with versions that it makes of the newest one: 0.9, whose
# script is whole, others whose script forgets something, and newer ones than the library is.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Catalog;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Stores;
use Test::More;

my ($home, $extensions) = private_server();
my $node = PostgreSQL::Test::Cluster->new('main', install_path => $home);
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\n");
$node->start;

my ($newest) = $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'goes_store'});
my $script = slurp_file("$extensions/goes_store--$newest.sql");
my @released = split(/\n/, $node->safe_psql('postgres', qq{
    SELECT version FROM pg_available_extension_versions WHERE name = 'goes_store' AND version <> '$newest' ORDER BY 1}));

# ---- Versions of our own.

my ($made, $explained) = $script =~ /^(CREATE FUNCTION goes_uuid_v7\(.*?;)\n(COMMENT ON FUNCTION goes_uuid_v7\(.*?;)\n/ms;

# An older version: a function that is gone since, one that is not there yet, and one that has changed.
my $older = $script =~ s/\Q$made\E\n\Q$explained\E\n//r;
$older =~ s/^(CREATE FUNCTION goes_now\(\).*?) VOLATILE/$1 STABLE/ms;
$older =~ s/^(COMMENT ON FUNCTION goes_now\(\) IS\n')/$1once /m;
$older .= "CREATE FUNCTION goes_gone() RETURNS integer LANGUAGE SQL AS 'SELECT 1';\nREVOKE EXECUTE ON FUNCTION goes_time(timestamptz) FROM PUBLIC;\n";

# What makes of it the newest one.
my %steps = (
    library => "SELECT goes_library_version(at_least => '$newest');\n",
    dropped => "DROP FUNCTION goes_gone();\n",
    made    => "$made\n",
    explained  => "$explained\n",
    volatile   => "ALTER FUNCTION goes_now() VOLATILE;\n",
    commented  => $script =~ /^(COMMENT ON FUNCTION goes_now\(\).*?;\n)/ms,
    granted    => "GRANT EXECUTE ON FUNCTION goes_time(timestamptz) TO PUBLIC;\n");
my @order = qw(library dropped made explained volatile commented granted);

# A version, and its script to another one.
sub make_version
{
    my ($version, $sql, $to, $update) = @_;
    append_to_file("$extensions/goes_store--$version.sql", $sql);
    append_to_file("$extensions/goes_store--$version--$to.sql", $update);
    return;
}

# ---- Updating.

sub create_database
{
    my ($database, $version) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    $node->safe_psql($database, "CREATE EXTENSION goes_store VERSION '$version'");
    return;
}

my $fresh = do { create_database('fresh', $newest); catalog_of($node, 'fresh') };
my $symbols = symbols_of($node, 'fresh');
cmp_ok(scalar(split(/\n/, $fresh)), '>', 150, 'the catalog of a fresh install is seen');

# Updates a database of an older version that is in use.
sub updates
{
    my ($database, $version) = @_;
    create_database($database, $version);
    fill_stores($node, $database);
    my $rows   = rows_of_stores($node, $database);
    my @cursor = feed_cursor($node, $database);
    like($node->safe_psql($database, q{SELECT remedy FROM goes_check_store('shop.orders')}), qr/^ALTER EXTENSION goes_store UPDATE;$/,
        "$version: a check names the update that is due");
    is(changed_symbols($symbols, symbols_of($node, $database)), '', "$version: no C function has other arguments since");

    $node->safe_psql($database, 'ALTER EXTENSION goes_store UPDATE');
    is($node->safe_psql($database, q{SELECT extversion FROM pg_extension WHERE extname = 'goes_store'}), $newest, "$version: is now $newest");
    is(difference($fresh, catalog_of($node, $database)), '', "$version: the catalog is that of a fresh install");
    is(rows_of_stores($node, $database), $rows, "$version: every row is as it was");
    stores_go_on($node, $database, @cursor);
    return;
}

make_version('0.9', $older, $newest, join('', @steps{@order}));
updates('released_' . s/\W/_/gr, $_) for @released, '0.9';

# ---- What a script forgets shows.

my %seen = (
    dropped   => qr/^\+function goes_gone\(\)/m,
    made      => qr/^-function goes_uuid_v7\(\)/m,
    explained => qr/^-function goes_uuid_v7\(\).*comment returns a fresh/m,
    volatile  => qr/^\+function goes_now\(\).*STABLE/m,
    commented => qr/^\+function goes_now\(\).*comment once /m,
    granted   => qr/^\+function goes_time\(timestamp with time zone\).*acl \w+=X\/\w+ at first/m);

my $minor = 0;
for my $forgotten (sort keys %seen)
{
    my $version = '0.' . ++$minor;
    my @done = grep { $_ ne $forgotten && ($forgotten ne 'made' || $_ ne 'explained') } @order;
    make_version($version, $older, $newest, join('', @steps{@done}));
    create_database("forgets_$forgotten", $version);
    $node->safe_psql("forgets_$forgotten", 'ALTER EXTENSION goes_store UPDATE');
    like(difference($fresh, catalog_of($node, "forgets_$forgotten")), $seen{$forgotten}, "a script that forgets what is $forgotten shows");
}

# A C function that has other arguments than before would crash where SQL and library are of different versions.
my $other = $script =~ s/^(CREATE FUNCTION goes_time\(\n *\S+ +)timestamptz/$1bigint/mr;
$other =~ s/goes_time\(timestamptz\) IS/goes_time(bigint) IS/;
make_version('0.10', $other, $newest, '');
create_database('reused', '0.10');
like(changed_symbols($symbols, symbols_of($node, 'reused')), qr/^goes_time\b/m, 'a C function that has changed its arguments shows');

# ---- SQL that is newer than the library.

append_to_file("$extensions/goes_store--$newest--99.0.sql", "SELECT goes_library_version(at_least => '99.0');\n");
append_to_file("$extensions/goes_store--$newest--98.0.sql", "CREATE FUNCTION goes_newer() RETURNS integer LANGUAGE C AS 'MODULE_PATHNAME';\n");
append_to_file("$extensions/goes_store--$newest--97.0.sql", "COMMENT ON FUNCTION goes_now() IS 'newer';\n");
my $error;
$node->psql('fresh', q{ALTER EXTENSION goes_store UPDATE TO '99.0'}, stderr => \$error);
like($error, qr/library of goes_store is of version \Q$newest\E, and version 99.0 is needed.*Install the package of version 99.0.*reconnect/s,
    'an update refuses an old library, and says what to do');
$node->psql('fresh', q{ALTER EXTENSION goes_store UPDATE TO '98.0'}, stderr => \$error);
like($error, qr/could not find function "goes_newer" in file/, 'so does PostgreSQL for a function that the library lacks');
is(difference($fresh, catalog_of($node, 'fresh')), '', 'and nothing has changed');
fill_stores($node, 'fresh');
$node->safe_psql('fresh', q{ALTER EXTENSION goes_store UPDATE TO '97.0'});
like($node->safe_psql('fresh', q{SELECT problem FROM goes_check_store('shop.orders')}), qr/install the package of version 97.0/,
    'with an old library a check says what to do');
is($node->safe_psql('fresh', q{SELECT goes_append('order', gen_random_uuid(), ARRAY[goes_new_event('x')], 0, 'shop.orders')}), '1',
    'and what was there before works');

$node->stop;
done_testing();
