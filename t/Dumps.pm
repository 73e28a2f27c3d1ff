# The frame of tests of dumps: a server, and custom-format dumps of its database postgres.

package Dumps;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw($node $dumps start_server dump_to restore_into);

our $node;
our $dumps;    # the folder of the files

# Starts a server.
sub start_server
{
    $dumps = PostgreSQL::Test::Utils::tempdir();
    $node  = PostgreSQL::Test::Cluster->new('main');
    $node->init;
    $node->append_conf('postgresql.conf', "autovacuum = off\n");
    $node->start;
    return;
}

# Dumps the database into a file.
sub dump_to
{
    my ($file, @options) = @_;
    $node->command_ok([ 'pg_dump', '--format=custom', '--file', "$dumps/$file", @options, 'postgres' ], "dump: $file");
    return;
}

# Restores what is in a file into a database.
sub restore_into
{
    my ($database, $file, @options) = @_;
    $node->command_ok([ 'pg_restore', '--exit-on-error', '--dbname', $database, @options, "$dumps/$file" ], "restore: $file into $database");
    return;
}

1;
