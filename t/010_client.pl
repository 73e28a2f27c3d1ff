# libgoes against a real server: runs the programs that client/Makefile makes of
# client/test/server_*.c, several at a time. tools/test builds them and says in CLIENT_TESTS where they
# are; with CLIENT_PROGRAMS set to some of their names only those run, and CLIENT_JOBS says how many at once.
#
# A program has the server that it runs on to itself, so it may count sessions and make roles, and it
# finds no database of another program. Those that stop the server or change its settings get a server
# that nobody used before and nobody uses afterwards.

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $directory = $ENV{CLIENT_TESTS} // 'client/build/test';
my $jobs = $ENV{CLIENT_JOBS} // 12;
my $most_seconds = 900 + ($ENV{GOES_TEST_SECONDS} // 0);
my @programs = $ENV{CLIENT_PROGRAMS} ? split(' ', $ENV{CLIENT_PROGRAMS}) : map { s{.*/}{}r } grep { -x } glob("$directory/server_*[a-z]");
plan skip_all => "$directory has no test programs of libgoes; make -C client tests builds them" if !@programs;
my %wants_own_server = map { $_ => 1 }
  qw(server_feed_property server_hopeless server_open server_open_errors server_open_faults server_pool_replace server_pool_restart server_read_primary server_read_standby
     server_reset_failed server_standby server_writer_killed);
# Those that take longest begin first, so that none of them is left alone at the end.
my @longest = qw(server_lost_subscription server_lost_effects server_lost_append server_lost_writer server_lost_coalesce
  server_lost_read server_lost_insert server_lost_model server_lost_feed server_cursor_end server_lost_commit
  server_subscription_proof server_stream server_subscription server_writer_killed server_feed_property server_property
  server_read_primary server_read_standby);
my %place = map { $longest[$_] => $_ } 0 .. $#longest;
my $logs = PostgreSQL::Test::Utils::tempdir();

# Starts a server for programs.
sub new_server
{
    my ($name) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name);
    # A client's texts are UTF-8; newer versions of the framework would take the C locale's encoding.
    $node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
    # programs are over before autovacuum could do them good, and their many databases keep it busy
    $node->append_conf('postgresql.conf', "max_connections = 100\nautovacuum = off");
    $node->start;
    # with FEEDS set to tools/feed-on.sql, every store that the programs make has a feed
    $node->safe_psql('template1', slurp_file($ENV{FEEDS})) if $ENV{FEEDS};
    return $node;
}

# Removes what a program left in a server: its databases and roles.
sub empty_server
{
    my ($node) = @_;
    $node->safe_psql('postgres', q{
        SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database
        WHERE datname NOT IN ('postgres', 'template0', 'template1') \gexec
        SELECT format('DROP ROLE %I', rolname) FROM pg_roles
        WHERE rolname !~ '^pg_' AND rolname <> current_user \gexec
    });
    return;
}

# Starts a program and returns its process id; its output goes to a file.
sub start_program
{
    my ($program, $node) = @_;
    local $ENV{GOES_TEST_URL} = sprintf("host=%s port=%d user=%s", $node->host, $node->port, scalar(getpwuid($<)));
    local $ENV{GOES_TEST_DATA} = $node->data_dir;
    delete local $ENV{GOES_TEST_DATA} if !$wants_own_server{$program};
    delete local @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER)};
    # the server names the program where it lists its sessions
    local $ENV{PGAPPNAME} = $program;

    my $pid = fork() // BAIL_OUT("fork: $!");
    return $pid if $pid != 0;
    open(STDIN, '<', '/dev/null');
    open(STDOUT, '>', "$logs/$program");
    open(STDERR, '>&', \*STDOUT);
    # exec, so that nothing of this framework runs at the program's end
    exec('timeout', $most_seconds, "$directory/$program") or POSIX::_exit(127);
}

# Reports what a program printed, and how it ended.
sub report_program
{
    my ($program, $status, $seconds) = @_;
    my $plan = 0;

    for my $line (split(/\n/, slurp_file("$logs/$program")))
    {
        if ($line =~ /^(?:not )?ok \d+ # SKIP (.*)$/)
        {
            # cmocka's forms: "not ok" in older versions, "ok" in newer ones
            SKIP: { skip("$program: $1", 1); }
            $plan++;
        }
        elsif ($line =~ /^(not )?ok \d+(?: - (.*))?$/)
        {
            ok(!$1, "$program: " . ($2 // ''));
            $plan++;
        }
        elsif ($line =~ /^\s*#|^1\.\./)
        {
            note($line =~ s/^\s*# ?//r);
        }
        else
        {
            diag($line);
        }
    }
    diag("$program was ended after $most_seconds seconds") if $status >> 8 == 124;
    ok($status == 0 && $plan > 0, sprintf('%s: ran to its end, in %.1f s', $program, $seconds));
    return;
}

my %running;
my @idle;
my $servers = 0;
my @waiting = sort { ($place{$a} // @longest) <=> ($place{$b} // @longest) } @programs;
while (@waiting || %running)
{
    while (@waiting && keys(%running) < $jobs)
    {
        my $program = shift(@waiting);
        my $node = $wants_own_server{$program} ? new_server($program) : (shift(@idle) // new_server('shared_' . ++$servers));

        $running{ start_program($program, $node) } = { program => $program, node => $node, started => time };
    }
    my $pid = waitpid(-1, 0);
    my $status = $?;
    my $run = delete($running{$pid}) // next;

    report_program($run->{program}, $status, time - $run->{started});
    if ($wants_own_server{ $run->{program} })
    {
        $run->{node}->stop('immediate', fail_ok => 1);
    }
    else
    {
        empty_server($run->{node});
        push(@idle, $run->{node});
    }
}
$_->stop('immediate') for @idle;
done_testing();
