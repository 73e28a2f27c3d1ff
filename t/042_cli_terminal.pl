# goes in a terminal, which script(1) makes: tables that fit, colours, the bar, following, ctrl-C.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Cli;
use Test::More;
use Time::HiRes qw(time usleep);

my $order = '019a0000-0000-7000-8000-000000000001';
my ($status, $output, $errors);

# Runs a line of shell in a terminal of so many columns, and returns what was on it.
sub in_terminal
{
    my ($columns, $command, $input) = @_;
    my $screen;
    my $keys = $input // '';

    IPC::Run::run([ 'script', '-qec', "stty cols $columns rows 24; $command", '/dev/null' ],
        '<', \$keys, '>', \$screen, IPC::Run::timeout(120));
    return $screen =~ s/\r\n/\n/gr;
}

# Starts the same, and returns the run, and where to write keys and to find the screen. The shell traps ctrl-C
# to outlive it: whether one that has no trap does differs from shell to shell.
sub start_in_terminal
{
    my ($command) = @_;
    my ($keys, $screen) = ('', '');
    my $run = IPC::Run::start([ 'script', '-qec', "trap : INT; stty cols 100 rows 24; $command; echo \"status \$?\"", '/dev/null' ],
        '<', \$keys, '>', \$screen, IPC::Run::timeout(120));
    return ($run, \$keys, \$screen);
}

# Waits until something is on a screen.
sub see
{
    my ($run, $screen, $what, $name) = @_;
    $run->pump_nb while $$screen !~ $what && $run->pumpable && do { usleep(20_000); 1 };
    like($$screen, $what, $name);
    return;
}

$ENV{SHELL} = '/bin/sh';
plan skip_all => 'there is no script(1)' if system('sh', '-c', 'command -v script >/dev/null') != 0;
start_server();
goes('', 'init', '--feed');
goes('', 'append', 'order', $order, 'order.placed', '{"note": "' . 'long ' x 60 . '"}', 'ordér.päid', '{"by": "cärd"}');

# ---- Tables

$output = in_terminal(120, "$goes history order $order");
is((sort { $b <=> $a } map { my $line = s/\033\[\d*m//gr; utf8::decode($line); length($line) } split(/\n/, $output))[0], 120, 'a table is as wide as the terminal');
like($output, qr/\A\033\[1mv  time /, 'its headings are bold');
like($output, qr/…\n/, 'what does not fit is cut');
unlike(in_terminal(120, "NO_COLOR=1 $goes history order $order"), qr/\033/, 'but not with NO_COLOR');
unlike(in_terminal(120, "TERM=dumb $goes history order $order"), qr/\033/, 'nor on a terminal that knows none');
like(in_terminal(120, "$goes history order $order --json"), qr/("note": "(long ){60}")/, 'JSON is never cut');
like(in_terminal(30, "$goes history order $order"), qr/order\.placed/, 'a narrow terminal');
unlike(in_terminal(120, "$goes history order $order | cat"), qr/[\033…]/, 'a pipe gets all of it, and no colours');

# ---- The bar

my $file = written_file('many.jsonl', join('', map { qq({"id": "019a0000-0000-7000-8000-000000$_", "name": "many", "time": 1, "data": {"n": $_}}\n) } 100_001 .. 160_000));
$output = in_terminal(100, "$goes import $file");
like($output, qr/\r\[#* +\] +\d+%  \d+:\d\d left  [\d,]+ events, [\d,]+ a second\033\[K/, 'import shows how far it is');
like($output, qr/\r\033\[K60,000 events were stored\n\z/, 'and removes the bar at its end');
$output = in_terminal(100, "$goes export >/dev/null");
like($output, qr/\r\[#* +\] +\d+%  \d+:\d\d left  [\d,]+ events, [\d,]+ a second\033\[K/, 'so does export');
like($output, qr/\r\033\[K\z/, 'and leaves nothing');
like(in_terminal(100, "cat $file | $goes -t events import"), qr/\r[\d,]+ events, [\d,]+ a second\033\[K/, 'a pipe has no length, and so no bar');
($status, $output, $errors) = goes('', 'import', $file);
is($errors, "0 events were stored, 60,000 were there before\n", 'without a terminal it is quiet');

# ---- check --fix asks

$node->safe_psql('goes', 'DROP INDEX goes_aggregate');
like(in_terminal(100, "$goes check --fix", "n\n"), qr/CREATE UNIQUE INDEX.*\nRun this\? \[y\/N\] .*1\. missing unique index/s, 'no: nothing is done');
is(sql('SELECT count(*) FROM goes_check_store()'), '1', 'nothing at all');
like(in_terminal(100, "$goes check --fix", "y\n"), qr/done: CREATE UNIQUE INDEX.*is sound\n/s, 'yes: it is done');
is(sql('SELECT count(*) FROM goes_check_store()'), '0', 'and helps');

# ---- Following, through a restart of the server

my ($run, $keys, $screen) = start_in_terminal("$goes tail -f -n 1 --json --connect-timeout 2");
see($run, $screen, qr/"n": 160000/, 'tail --follow shows what is there');
my $stored_at = time();
goes('', 'append', 'order', $order, 'order.sent');
see($run, $screen, qr/"name": "order.sent"/, 'and what comes');
cmp_ok(time() - $stored_at, '<', 9, 'at once, and not when the wait for news, of 10 s, is over');
$node->stop('immediate');
see($run, $screen, qr/^goes: .*goes: waiting for the server/ms, 'it waits for a server that is away');
$node->start;
goes('', 'append', 'order', $order, 'order.returned');
see($run, $screen, qr/"name": "order.returned"/, 'and goes on when it is there again');
$node->restart;
goes('', 'append', 'order', $order, 'order.refunded');
see($run, $screen, qr/"name": "order.refunded"/, 'a restart that is quick is not even seen');
is(() = $$screen =~ /waiting/g, 1, 'it says so once');
$$keys = "\003";
see($run, $screen, qr/goes: interrupted\r?\nstatus 130/, 'ctrl-C ends it');
$run->finish;
is(join(' ', $$screen =~ /"name": "order\.(\w+)"/g), 'sent returned refunded', 'each event came once, in order');

($run, $keys, $screen) = start_in_terminal("$goes tail --follow -n 1 --name order.lost --name order.refunded");
see($run, $screen, qr/order\.refunded/, 'a table follows, too');
goes('', 'append', 'order', $order, 'order.found', '1', 'order.lost');
see($run, $screen, qr/order\.lost/, 'with filters');
unlike($$screen, qr/order\.found/, 'which leave out the rest');
$$keys = "\003";
see($run, $screen, qr/status 130/, 'ctrl-C ends it');
$run->finish;

# What was there before is not shown by -n 0, also if a writer that is open holds it back; what comes, is.
my $writer = $node->background_psql('goes');
$writer->query_safe("BEGIN; SELECT goes_insert_batch(ARRAY[goes_new_event('order.slow')])");
sql("SELECT goes_insert_batch(ARRAY[goes_new_event('order.old'), goes_new_event('order.older')])");
my $followers = q{SELECT count(*) FROM pg_stat_activity WHERE query ~ 'goes_feed(_page)?\(' AND state = 'active' AND pid <> pg_backend_pid()};
$node->poll_query_until('goes', $followers, '0');    # the server may still think that the last one is there
($run, $keys, $screen) = start_in_terminal("$goes tail --follow -n 0 --json");
ok($node->poll_query_until('goes', $followers, '1'), 'tail -n 0 waits for news');
sql("SELECT goes_insert_batch(ARRAY[goes_new_event('order.new')])");
$writer->query_safe('COMMIT');
see($run, $screen, qr/order\.new/, 'which come');
$$keys = "\003";
see($run, $screen, qr/status 130/, 'ctrl-C ends it');
$run->finish;
is(join(' ', $$screen =~ /"name": "order\.(\w+)"/g), 'slow new', 'and nothing else');
$writer->quit;

# ---- Ctrl-C elsewhere

$node->safe_psql('goes', "SELECT goes_create_store('waits')");
my $locker = $node->background_psql('goes');
$locker->query_safe('BEGIN; LOCK events, waits');
for my $command ('query', 'stats', 'check', "append order $order a", 'tail', 'export', "import $file", '-t waits query --count')
{
    my $begun = sql('SELECT clock_timestamp()');
    ($run, $keys, $screen) = start_in_terminal("$goes $command");
    $node->poll_query_until('goes',
        "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND backend_start > '$begun')") or die;
    $run->pump_nb;
    is($$screen, '', "$command waits");
    $$keys = "\003";
    see($run, $screen, qr/goes: interrupted.*\r?\nstatus 130/, "ctrl-C ends $command");
    $run->finish;
}
$locker->quit;

($run, $keys, $screen) = start_in_terminal("$goes import");
$$keys = qq({"name": "typed"}\n);
see($run, $screen, qr/typed/, 'import reads what is typed');
$node->poll_query_until('goes', "SELECT count(*) = 1 FROM events WHERE name = 'typed'");
is(sql("SELECT count(*) FROM events WHERE name = 'typed'"), '1', 'and stores it soon');
$$keys = "\003";
see($run, $screen, qr/goes: 1 events were stored; lines 1 to 1 are done, and none behind them\r?\ngoes: interrupted\r?\nstatus 130/, 'ctrl-C ends it, and what is stored is named');
$run->finish;
$node->safe_psql('goes', q(INSERT INTO events (id, name, time, data) SELECT gen_random_uuid(), 'large', 1, to_jsonb(repeat('x', 2000)) FROM generate_series(1, 20000)));
($run, $keys, $screen) = start_in_terminal("$goes export | (head -c 1000000 >/dev/null; sleep 30)");
usleep(1_500_000);
$run->pump_nb;
$$keys = "\003";
see($run, $screen, qr/goes: [\d,]+ events were written, up to position \d+: go on with --after \d+\r?\ngoes: (interrupted|cannot write: Broken pipe)/, 'export says how far it came');
$run->finish;

# ---- Completion for bash

sub completed
{
    my (@words) = @_;
    my $last = $#words;
    my $words = join(' ', map { "'$_'" } @words);
    return `PATH="\$(dirname '$goes'):\$PATH" bash -c "source '\$(dirname $goes)/completion.bash'; COMP_WORDS=($words); COMP_CWORD=$last; _goes; echo \\\${COMPREPLY[*]}"`;
}
is(completed('goes', 's'), "stats subscriptions\n", 'commands are completed');
is(completed('goes', '--url', 'x', 'ta'), "tail\n", 'behind options, too');
is(completed('goes', 'append', '--ex'), "--expect\n", 'and options of a command');
is(completed('goes', 'subscriptions', 'un'), "unpark\n", 'and actions');

$node->stop;
done_testing();
