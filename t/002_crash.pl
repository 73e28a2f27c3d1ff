# kill -9 of the server in the middle of batches loses nothing that was acknowledged and leaves no
# half batch.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Crash;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $rounds = 4;
my $writers = 3;
my $batch_size = 1000;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION goes_store; SELECT goes_create_store()');

# A batch is one aggregate: its id says the round, the writer and the number of the batch.
sub batch
{
    my ($round, $writer, $number) = @_;
    return sprintf('%08d-0000-0000-%04d-%012d', $round, $writer, $number);
}

# A writer sends one batch after the other until the server is gone.
sub start_writer
{
    my ($round, $writer) = @_;
    my $script = '';
    for my $number (1 .. 2000)
    {
        my $id = batch($round, $writer, $number);
        $script .= qq{SELECT goes_insert_batch(ARRAY(
            SELECT goes_new_event('counted', to_jsonb(n), 'batch', '$id', n) FROM generate_series(1, $batch_size) AS n));
            \\echo stored $id\n};
    }
    my $file = PostgreSQL::Test::Utils::tempdir() . "/writer_$writer.sql";
    PostgreSQL::Test::Utils::append_to_file($file, $script);
    my %writer = (output => '', error => '');
    $writer{handle} = IPC::Run::start(
        [ 'psql', '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', $file ],
        '<', \undef, '>', \$writer{output}, '2>', \$writer{error});
    return \%writer;
}

sub stored
{
    return map { /^stored (\S+)$/ ? $1 : () } split(/\n/, $_[0]->{output});
}

for my $round (1 .. $rounds)
{
    my @writers = map { start_writer($round, $_) } 1 .. $writers;
    for my $writer (@writers)
    {
        $writer->{handle}->pump until stored($writer) >= 5;
    }
    usleep(int(rand(50_000)));
    kill_server($node);
    $_->{handle}->finish for @writers;
    my @acknowledged = map { stored($_) } @writers;
    cmp_ok(scalar(@acknowledged), '<', $writers * 2000, "round $round: the server was killed midway");
    start_again($node);

    my %count = map { split(/\|/) } split(/\n/, $node->safe_psql('postgres', sprintf(q{
        SELECT aggregate_id, count(*) FROM events WHERE aggregate_id::text LIKE '%08d-%%' GROUP BY 1}, $round)));
    is(scalar(grep { !defined($count{$_}) } @acknowledged), 0,
        "round $round: none of " . scalar(@acknowledged) . ' acknowledged batches is lost');
    is(scalar(grep { $_ != $batch_size } values(%count)), 0, "round $round: no half batch");
    cmp_ok(scalar(keys(%count)) - scalar(@acknowledged), '<=', $writers,
        "round $round: at most one batch of a writer is there that it did not hear of");
}
is($node->safe_psql('postgres', 'SELECT * FROM goes_check_store()'), '', 'the store is sound');

$node->stop;
done_testing();
