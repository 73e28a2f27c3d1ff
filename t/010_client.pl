# libgoes against a real server: runs the programs that client/Makefile makes of
# client/test/server_*.c. tools/test builds them and says in CLIENT_TESTS where they are; with
# CLIENT_PROGRAMS set to some of their names only those run.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = $ENV{CLIENT_TESTS} or BAIL_OUT('CLIENT_TESTS is not set: run tools/test');
my @programs = $ENV{CLIENT_PROGRAMS} ? split(' ', $ENV{CLIENT_PROGRAMS}) : map { s{.*/}{}r } grep { -x } glob("$directory/server_*[a-z]");

for my $program (@programs)
{
    my $node = PostgreSQL::Test::Cluster->new($program);
    # A client's texts are UTF-8; newer versions of the framework would take the C locale's encoding.
    $node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
    $node->append_conf('postgresql.conf', 'max_connections = 100');
    $node->start;
    local $ENV{GOES_TEST_URL} = sprintf("host=%s port=%d user=%s", $node->host, $node->port, scalar(getpwuid($<)));
    local $ENV{GOES_TEST_DATA} = $node->data_dir;
    delete local @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER)};

    my $output = '';
    my $status = eval { IPC::Run::run([ "$directory/$program" ], '<', \undef, '>&', \$output, IPC::Run::timeout(300)) };
    diag($@) if $@;
    my $plan = 0;
    for my $line (split(/\n/, $output))
    {
        if ($line =~ /^(not )?ok \d+(?: - (.*))?$/)
        {
            ok(!$1, "$program: " . ($2 // ''));
            $plan++;
        }
        elsif ($line =~ /^\s*#|^1\.\./)
        {
            note($line);
        }
        else
        {
            diag($line);
        }
    }
    ok($status && $plan > 0, "$program: ran to its end");
    $node->stop('immediate', fail_ok => 1);
}
done_testing();
