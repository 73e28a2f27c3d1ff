# A server that is killed, and starts again.

package Crash;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(kill_server start_again);

# Kills a server, and waits until nothing is left of it: while its process is there, no other one
# starts.
sub kill_server
{
    my ($node) = @_;
    my ($postmaster) = split(/\n/, slurp_file($node->data_dir . '/postmaster.pid'));
    $node->kill9;
    for (1 .. 300)
    {
        return unless kill(0, $postmaster);
        usleep(100_000);
    }
    BAIL_OUT("the killed server $postmaster does not end");
    return;
}

# Starts a server that was killed. While a backend holds its shared memory, none does.
sub start_again
{
    my ($node) = @_;
    for (1 .. 100)
    {
        return if $node->start(fail_ok => 1);
        usleep(100_000);
    }
    BAIL_OUT('the server does not start again');
    return;
}

1;
