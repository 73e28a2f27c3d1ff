# The frame of tests of the feed: sessions by name, stores with a feed, and scenarios, in which
# readers of several kinds look at every step and have to get each event once, in order.

package Feed;

use strict;
use warnings FATAL => 'all';

use Crash;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw($node $store @readers start_server start_late_server said_before_kill in_session start_in_session finish_in_session
  close_session forget_sessions new_store insert
  look poll start_scenario scenario);

our $node;       # the server
our $store;      # of the scenario
our @readers;    # of it
my %sessions;
my $stores = 0;
my $looks  = 0;

# Starts a server, with lines for its configuration.
sub start_server
{
    my (@settings) = @_;
    $node = PostgreSQL::Test::Cluster->new('feed');
    $node->init;
    $node->append_conf('postgresql.conf', join("\n", 'max_prepared_transactions = 20', 'autovacuum = off', @settings, ''));
    $node->start;
    $node->safe_psql('postgres', 'CREATE EXTENSION goes_store');
    return;
}

# Runs SQL in a session, which is opened at the first use, and returns the rows and the errors.
sub in_session
{
    my ($name, $sql) = @_;
    $sessions{$name} //= $node->background_psql('postgres', on_error_stop => 0);
    my $output = $sessions{$name}->query($sql);
    my $error  = $sessions{$name}->{stderr};
    $sessions{$name}->{stderr} = '';
    return $error ne '' ? "$output$error" : $output;
}

# Starts SQL in a session that goes on by itself; finish_in_session returns what it has said.
sub start_in_session
{
    my ($name, $sql) = @_;
    $sessions{$name} //= $node->background_psql('postgres', on_error_stop => 0);
    $sessions{$name}->query_until(qr/begun/, "\\echo begun\n$sql;\n");
    return;
}

sub finish_in_session
{
    my ($name) = @_;
    return in_session($name, '');
}

sub close_session
{
    my ($name) = @_;
    $sessions{$name}->quit if $sessions{$name};
    delete $sessions{$name};
    return;
}

# The server of all sessions is gone.
sub forget_sessions
{
    $_->{run}->kill_kill for values %sessions;
    %sessions = ();
    return;
}

# Starts a server on which what is not flushed on purpose stays unflushed. Whole pages of WAL may be
# written all the same, so there is little of it.
sub start_late_server
{
    start_server('wal_writer_delay = 10s', 'bgwriter_lru_maxpages = 0', 'full_page_writes = off', 'wal_buffers = 1MB');
    return;
}

# Runs steps in one session while nobody else flushes WAL, kills the server, and returns what the last of
# them said.
sub said_before_kill
{
    my (@steps) = @_;
    my $wal_writer = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'");
    my $said;
    kill('STOP', $wal_writer);
    $said = in_session('b', $_) for @steps;
    kill_server($node);
    kill('KILL', $wal_writer);
    forget_sessions();
    start_again($node);
    return $said;
}

# Makes a store with a feed, which is $store from now on.
sub new_store
{
    $store = 'store' . ++$stores;
    in_session('setup', "SELECT goes_create_store('$store'), goes_alter_store('$store', feed => true)");
    return;
}

# What stores so many events.
sub insert
{
    my ($count) = @_;
    return "INSERT INTO $store (id, name, time) SELECT gen_random_uuid(), 'e', one FROM generate_series(1, $count) one;";
}

# A reader that asks for the position, and then for the events up to there.
sub look_by_position
{
    my ($reader) = @_;
    my $settled = in_session($reader->{session}, "SELECT goes_feed_position($reader->{cursor}, 0, '$store')");
    return $settled if $settled !~ /^\d+$/;
    my $rows = in_session($reader->{session},
        "SELECT position FROM $store WHERE position > $reader->{cursor} AND position <= $settled ORDER BY position");
    push @{ $reader->{got} }, split(/\n/, $rows);
    return $reader->{cursor} = $settled;
}

# A reader that reads page after page.
sub look_at_pages
{
    my ($reader) = @_;
    while (1)
    {
        my $id = $reader->{id} ? ", after_id => '$reader->{id}'" : '';
        my @rows = split(/\n/,
            in_session($reader->{session},
                "SELECT position, id FROM goes_feed($reader->{cursor}, max_events => 2, store => '$store'$id)"));
        return join("\n", @rows) if grep { !/^\d+\|/ } @rows;
        my ($cursor, $last) = split(/\|/, pop(@rows));
        push @{ $reader->{got} }, map { (split(/\|/))[0] } @rows;
        my $is_over = $cursor == $reader->{cursor};
        ($reader->{cursor}, $reader->{id}) = ($cursor, $last);
        return $cursor if $is_over;
    }
}

# One look of a reader at the feed. Returns where it is, or the error.
sub look
{
    my ($reader) = @_;
    my $result = $reader->{reads_pages} ? look_at_pages($reader) : look_by_position($reader);
    push @{ $reader->{errors} }, $result if $result !~ /^\d+$/;
    return $result;
}

# Every reader looks: one that keeps its session, one that comes with a new session each time, one
# that asks only now and then, and one that reads pages. Returns where the first is.
sub poll
{
    my $settled = look($readers[0]);
    look($readers[1]);
    close_session($readers[1]{session});
    look($readers[2]) if ++$looks % 3 == 0;
    look($readers[3]);
    return $settled;
}

# Makes a store and readers that have not begun.
sub start_scenario
{
    new_store();
    @readers = map { { session => "reader$_", cursor => 0, got => [], errors => [], reads_pages => $_ == 3 } } 0 .. 3;
    return;
}

# One scenario, where every event must have been read once at the end.
sub scenario
{
    my ($name, $steps) = @_;
    start_scenario();
    subtest $name => sub {
        $steps->();
        look($_) for @readers;
        my $stored = join(',', split(/\n/, in_session('setup', "SELECT position FROM $store ORDER BY position")));
        is(join(',', @{ $_->{got} }), $stored, "$_->{session} got every event once, in order") for @readers;
        is(join('', @{ $_->{errors} }), '', "$_->{session} met no error") for @readers;
    };
    return;
}

1;
