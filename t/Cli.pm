# The frame of tests of goes, the command-line tool: a server, and runs of the tool. tools/test builds
# it and says in CLI where it is.

package Cli;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw($node $goes start_server goes start_goes is_run fails_with written_file sql);

our $node;
our $goes = $ENV{CLI} // 'cli/build/goes';

# Starts a server, which the tool finds in its environment.
sub start_server
{
    plan skip_all => "$goes is not there; tools/test 040_cli_commands builds it" if !-x $goes;
    $node = PostgreSQL::Test::Cluster->new('cli');
    $node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
    $node->start;
    $ENV{POSTGRES_EVENTSTORE} = sprintf('host=%s port=%d user=%s', $node->host, $node->port, scalar(getpwuid($<)));
    delete @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER NO_COLOR)};
    $ENV{TERM} = 'xterm';
    $ENV{LC_ALL} = 'C.UTF-8';
    # the machine may be busy
    $ENV{PGCONNECT_TIMEOUT} = 30;
    return;
}

# Runs the tool with standard input, and returns its exit status and what it wrote to either side.
sub goes
{
    my ($input, @arguments) = @_;
    my ($output, $errors);

    IPC::Run::run([ $goes, @arguments ], '<', \$input, '>', \$output, '2>', \$errors, IPC::Run::timeout(180));
    return ($? & 127 ? "signal $?" : $? >> 8, $output, $errors);
}

# Starts the tool, which goes on by itself.
sub start_goes
{
    my ($output, $errors, @arguments) = @_;
    return IPC::Run::start([ $goes, @arguments ], '<', \undef, '>', $output, '2>', $errors, IPC::Run::timeout(180));
}

# One run that succeeds without a complaint. Returns what it printed.
sub is_run
{
    my ($name, $expected, @arguments) = @_;
    my ($status, $output, $errors) = goes('', @arguments);

    is("$status $errors", '0 ', "$name: without complaints");
    ref($expected) ? like($output, $expected, $name) : is($output, $expected, $name) if defined($expected);
    return $output;
}

# One run that fails with that status, and says why.
sub fails_with
{
    my ($expected, $message, $name, @arguments) = @_;
    my ($status, $output, $errors) = goes('', @arguments);

    is($status, $expected, "$name: the exit status");
    like($errors, $message, "$name: the message");
    return $output;
}

# Writes a file, and returns its path.
sub written_file
{
    my ($name, $content) = @_;
    my $path = PostgreSQL::Test::Utils::tempdir() . "/$name";

    append_to_file($path, $content);
    return $path;
}

# What the database of the stores says.
sub sql
{
    my ($text) = @_;
    return $node->safe_psql('goes', $text);
}

1;
