# What docs/cli.md shows: each block of shell runs, in order, and prints what stands behind a # in it. There
# "[...]" stands for the rest of a line.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Cli;
use PostgreSQL::Test::Utils;
use Test::More;

start_server();
my $page = slurp_file('docs/cli.md');
my $folder = PostgreSQL::Test::Utils::tempdir();
$ENV{PATH} = $goes =~ s{/[^/]*\z}{}r . ":$ENV{PATH}";
local @ENV{qw(PGHOST PGPORT)} = ($node->host, $node->port);
my $has_jq = system('sh', '-c', 'command -v jq >/dev/null') == 0;

# Runs shell in the folder, and returns what it printed.
sub shell
{
    my ($commands) = @_;
    my $output;

    IPC::Run::run([ 'sh', '-c', "cd '$folder'; $commands" ], '<', \undef, '>', \$output, '2>&1', IPC::Run::timeout(60));
    return $output;
}

while ($page =~ /^```sh\n(.*?)^```$/msg)
{
    my ($commands, $expected) = ('', '');

    # A command is compared when its output is over.
    for my $line (split(/^/, $1), 'end')
    {
        if ($line =~ /^# ?(.*\n)/)
        {
            $expected .= $1;
            next;
        }
        if ($commands ne '' && ($expected ne '' || $line eq 'end') && ($has_jq || $commands !~ /jq/))
        {
            my $pattern = join('.*', map { quotemeta } split(/\[\.\.\.\]/, $expected, -1));
            like(shell($commands), $expected eq '' ? qr/\A(?!goes:)/ : qr/\A$pattern\z/, $commands);
        }
        ($commands, $expected) = ('', '') if $expected ne '';
        $commands .= $line;
    }
}
like($page, qr/`goes subscriptions $_ NAME/, "docs/cli.md has subscriptions $_") for qw(lag parked unpark skip rewind);
my ($help) = shell('goes query --help') =~ /(Filters.*?)Output:/s;
like($page, qr/`\Q$_\E/, "docs/cli.md has $_") for $help =~ /(--[a-z-]+)/g;
$node->stop;
done_testing();
