# bench/goes_bench is honest: what is slower shows as slower, and whoever has stored or read something else than
# it says, or than it was asked for, fails the run. tools/test builds it and says in BENCH where it is.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $bench = $ENV{BENCH} // 'bench/goes_bench';
plan skip_all => "$bench is not there; tools/test 050_bench builds it" if !-x $bench;
my $node = PostgreSQL::Test::Cluster->new('bench');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
# goes_bench gives participants the server's address as a URL
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\nmax_connections = 400");
append_to_file($node->data_dir . '/pg_hba.conf', "host all all 127.0.0.1/32 trust\n");
$node->start;
local @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER)} = ('127.0.0.1', $node->port, 'postgres', scalar getpwuid($<));
my $folder = PostgreSQL::Test::Utils::tempdir();

# Runs goes_bench with a small store and short turns; returns its status, lines of JSON, and errors.
sub measure
{
    my (@options) = @_;
    my ($output, $errors);

    IPC::Run::run([ $bench, '--size', 5000, '--rounds', 3, '--seconds', 0.1, '--json', @options ], '<', \undef, '>', \$output,
        '2>', \$errors, IPC::Run::timeout(300));
    return ($? >> 8, [ map { decode_json($_) } split(/\n/, $output) ], $errors);
}

# A peer that does what the participant "bare" does, and changes its answers to turns.
sub liar
{
    my ($name, $change) = @_;
    my $program = "$folder/$name.pl";

    append_to_file($program, <<"END");
use IPC::Open2;
open2(my \$from, my \$to, '$bench', '--participant', 'bare');
select((select(\$to), \$| = 1)[0]);
\$| = 1;
while (my \$line = <STDIN>)
{
    print \$to \$line;
    \$_ = <\$from>;
    if (\$line =~ /^turn/) { $change; }
    print;
}
END
    return ('--participants', 'none', '--peer', "$name=perl $program");
}

sub outcomes_of
{
    my ($line) = @_;
    return { map { ($_->{name} => $_) } @{ $line->{outcomes} } };
}

# An honest run.
my $results = "$folder/results.jsonl";
my ($status, $lines, $errors) = measure('--only', 'find,append', '--results', $results);
is($status, 0, 'a run succeeds') or diag($errors);
is_deeply(
    [ map { "$_->{scenario} $_->{clients}" } @$lines ],
    [ 'find 1', 'append 1', 'append 8', 'append 32', 'append 64' ],
    'it has a line for each scenario');
for my $line (@$lines)
{
    my $outcomes = outcomes_of($line);

    for my $name (qw(libgoes sql bare), $line->{scenario} eq 'append' ? 'shared' : ())
    {
        my $outcome = $outcomes->{$name};

        is(scalar(grep { $_ > 0 } @{ $outcome->{rates} }), 3, "$line->{label}: $name has a rate for each round");
        cmp_ok($outcome->{p50_us}, '<=', $outcome->{p99_us}, "$line->{label}: $name has latencies");
        cmp_ok($outcome->{$_}, '>', 0, "$line->{label}: $name has $_") for qw(client_cpu_us server_cpu_us);
    }
    is($outcomes->{copy}{problem}, 'it has no such thing', "$line->{label}: copy has none");
}

# Every scenario that a participant has, once.
($status, $lines, $errors) = measure('--rounds', 1, '--only', 'load,common,rare,everything,hot,follow,batch,each');
is($status, 0, 'all other scenarios succeed') or diag($errors);
is(scalar(@$lines), 12, 'they have a line each');
is(scalar(grep { defined outcomes_of($_)->{libgoes}{rates} } @$lines), 11, 'libgoes has all of them but the last');
is(scalar(grep { defined $lines->[-1]{outcomes}[$_]{rates} } 0 .. 5), 2, 'which is of a writer and of goes_append_each');

# An interrupted run goes on with what is missing.
($status, $lines, $errors) = measure('--only', 'find,rare', '--results', $results);
is(join(' ', map { $_->{scenario} } @$lines), 'rare', 'what the file has is not measured again');

# A participant that sleeps 20 ms in each operation does at most 50 a second, and that is what is seen.
($status, $lines, $errors) =
    measure('--only', 'find', '--participants', 'bare', '--peer', "slow=$bench --participant bare --delay 20000");
is($status, 0, 'a slow peer is no failure') or diag($errors);
my $outcomes = outcomes_of($lines->[0]);
cmp_ok($_, '<=', 50, 'a slow peer has a low rate') for @{ $outcomes->{slow}{rates} };
cmp_ok($outcomes->{slow}{p50_us}, '>=', 20000, 'and a high latency');
my @ratios = sort { $a <=> $b } map { $outcomes->{bare}{rates}[$_] / $outcomes->{slow}{rates}[$_] } 0 .. 2;
cmp_ok($ratios[1], '>', 1, 'who is not slowed down is faster');

# Whoever lies fails the run, and nothing of the scenario is kept.
my @lies = (
    [ 'stored_more', 'append', 's/"stored": (\d+)/q("stored": ) . ($1 + 1)/e', qr/wrong count in "append 1, 1 client"/ ],
    [ 'did_more', 'append', 's/"(operations|events|stored)": (\d+)/qq("$1": ) . ($2 + 1)/eg', qr/wrong count after "append 1, 1 client"/ ],
    [ 'did_less', 'append', 's/"(operations|events|stored)": (\d+)/qq("$1": ) . ($2 - 1)/eg', qr/wrong count after "append 1, 1 client"/ ],
    [ 'read_less', 'rare', 's/"events": (\d+)/q("events": ) . ($1 - 1)/e', qr/wrong count in "100 of a rare name"/ ],
    [ 'was_faster', 'find', 's/"seconds": [0-9.]+/"seconds": 99/', qr/says that it took 99.000 s/ ],
    [ 'was_silent', 'find', '$_ = "{}\n"', qr/does not say what it has done/ ]);
for my $lie (@lies)
{
    my ($name, $scenario, $change, $message) = @$lie;

    unlink "$folder/lies.jsonl";
    ($status, $lines, $errors) = measure('--only', $scenario, '--results', "$folder/lies.jsonl", liar($name, $change));
    is($status, 1, "$name fails the run");
    like($errors, $message, "$name: the message says who and what");
    ok(!-e "$folder/lies.jsonl", "$name: nothing is kept");
}

# A peer that ends is said to have ended, and the others go on.
($status, $lines, $errors) =
    measure('--only', 'find,rare', '--participants', 'sql', '--peer', "gone=perl -e 'print qq({}\\n)'");
is($status, 0, 'a peer that ends is no failure') or diag($errors);
is(outcomes_of($lines->[1])->{gone}{problem}, 'it does not run', 'and is said to be gone');
is(scalar(@{ outcomes_of($lines->[1])->{sql}{rates} }), 3, 'the others go on');

# Options that make no sense.
for my $bad ([ '--size', 1234 ], [ '--rounds', 0 ], [ '--peer', 'nameless' ], [ '--participants', 'nobody' ], ['--what'])
{
    ($status) = measure(@$bad);
    isnt($status, 0, "@$bad is refused");
}

# The report has what was measured. The plots take gnuplot.
SKIP:
{
    skip 'gnuplot is missing: tools/packages bench installs it', 4 if system('gnuplot --version >/dev/null 2>&1') != 0;
    my ($output, $problem);
    my $report = "$folder/report";
    mkdir $report;
    append_to_file("$report/report.py", slurp_file('bench/report.py'));
    append_to_file($results, qq({"missing": "somebody", "why": "it was not there"}\n));
    is(IPC::Run::run([ 'python3', "$report/report.py", $results ], '>', \$output, '2>', \$problem), 1, 'the report is written')
        or diag($problem);
    my $text = slurp_file("$report/report.md");
    like($text, qr/^\| find by id \| [0-9.,]+ \| - \| [0-9.,]+ \| [0-9.,]+ \|$/m, 'it has the rates');
    like($text, qr/^\*\*somebody is missing\*\*: it was not there\.$/m, 'it says who is missing');
    like(slurp_file("$report/plots/clients.svg"), qr/<svg/, 'it has plots');
}

done_testing();
