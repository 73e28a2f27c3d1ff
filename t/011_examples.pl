# The programs of examples/, built against an installed libgoes: they do what they say. tools/test
# builds them and says in EXAMPLES where they are.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = $ENV{EXAMPLES} // 'examples';
plan skip_all => "$directory has no program shop; tools/test 011_examples builds it" if !-x "$directory/shop";
my $node = PostgreSQL::Test::Cluster->new('examples');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->start;
my $user = getpwuid($<);
$ENV{POSTGRES_EVENTSTORE} = sprintf('host=%s port=%d user=%s', $node->host, $node->port, $user);
# Half an hour off, so that it shows whether local time is taken for UTC.
$ENV{TZ} = 'Asia/Kolkata';

# Runs a program, and returns its exit status and what it printed to either side. On a busy machine, making
# the database may take longer than a store's set-up may: then nothing was stored, and the program runs again.
sub run_example
{
    my ($program, @arguments) = @_;
    my ($output, $errors);
    delete local @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER)};

    for my $try (1 .. 5)
    {
        IPC::Run::run([ "$directory/$program", @arguments ], '<', \undef, '>', \$output, '2>', \$errors, IPC::Run::timeout(120));
        last if $errors !~ /^\w+: timed out: the call took longer than its timeout$/;
    }
    return ($? >> 8, $output, $errors);
}

# Writes a log and returns its name.
sub log_file
{
    my ($name, $content) = @_;
    my $path = PostgreSQL::Test::Utils::tempdir() . "/$name";

    append_to_file($path, $content);
    return $path;
}

my $story = <<'END';
    1 article.stocked {"pieces": 10}
10 delivered, and an invoice written
Anna, Bob and Carl see 10 lamps, at version 1
    2 article.sold {"pieces": 7}
Anna sold 7
Bob saw version 1, by now it is 2: version conflict
    3 article.sold {"pieces": 2}
Bob sold 2
Carl saw version 1, by now it is 3: version conflict
Carl cannot sell 3: only 1 left
    1 order.added {"pieces": 2}
The order is {"pieces": 2}
    2 order.added {"pieces": 1}
The order is {"pieces": 3}
    3 order.added {"pieces": 4}
4 are too many for an order
The order is {"pieces": 3}
END

my ($status, $output, $errors) = run_example('shop');
is($output, $story, 'a shop on an empty server: the late seller sells, the one too late does not');
is($errors, '', 'without complaints');
is($status, 0, 'and it ends well');
is( $node->safe_psql('goes', "SELECT aggregate_version, name, data FROM events WHERE aggregate_name = 'article' ORDER BY 1"),
    qq(1|article.stocked|{"pieces": 10}\n2|article.sold|{"pieces": 7}\n3|article.sold|{"pieces": 2}),
    'what it printed is what is stored');
is($node->safe_psql('goes', 'SELECT pieces FROM shop_invoice'), '10', 'the invoice came with the delivery');
is( $node->safe_psql('goes', "SELECT aggregate_version, data FROM events WHERE aggregate_name = 'order' ORDER BY 1"),
    qq(1|{"pieces": 2}\n2|{"pieces": 1}),
    'what was too much for the order is not stored');
is( $node->safe_psql('goes', 'SELECT model FROM shop_orders WHERE id = (SELECT min(aggregate_id::text) FROM events WHERE name ~ $$^order$$)'),
    '{"pieces": 3}',
    'and the summary is what its events add up to');

($status, $output) = run_example('shop');
is($output, $story, 'another article, in the store that is there');
is($node->safe_psql('goes', 'SELECT count(*) FROM shop_invoice'), '2', 'and another invoice');

($status, $output, $errors) = run_example('workers');
is($errors, '', 'workers: no complaints');
like($output, qr/^(\d+) events were handled by several workers, and \1 counted$/, 'all of them are counted');
($status, $output) = run_example('workers');
like($output, qr/^1000 events were handled by several workers, and 1000 counted$/, 'and the next time the new ones');

($status, $output, $errors) = run_example('loop');
is($errors, '', 'a loop: no complaints');
like($output, qr/^\d+ ticks and \d{2,} events: the worst tick was [\d.]+ ms late$/m, 'it ticks and follows');
like($output, qr/^\d+ ticks without libgoes: the worst tick was [\d.]+ ms late$/m, 'and says what the same loop does without');
$node->safe_psql('postgres', 'DROP DATABASE goes WITH (FORCE)');

($status, $output, $errors) = run_example('dpkg_events', "$directory/dpkg.log");
is($errors, '', 'the log of dpkg: no complaints');
is($status, 0, 'and a good end');
like($output, qr/^2,555 lines, from 2026-05-09 to 2026-09-22\.$/m, 'every line was read');
unlike($output, qr/^Left out/m, 'and understood');
like($output, qr/^    2,555 events of 329 packages in 3 batches: [\d,]+ events a second$/m, 'and stored');
is( join(' ', $output =~ /^ +(\d+) \| 2026-\d\d-\d\d \d\d:\d\d:\d\d \| (?:dpkg|package)\./mg),
    join(' ', 1 .. 15),
    'the history of one package is told in its order');
like($output, qr/^status is GOES_ERR_CONFLICT \(version conflict\)/m, 'a stale write is refused');
like($output, qr/: 0 events are called "package.held"/, 'and not stored');
like($output, qr/^    (\d,)?\d+ events in \d pages: [\d,]+ events a second$/m, 'the store is followed');
like($output, qr/^    \d+, package.noticed: \d+\.\d ms after goes_append was called$/m, 'to an event that it waited for');
is( $node->safe_psql('goes', q(SELECT count(*), goes_feed_position() FROM events)) =~ /^(\d+)\|\1$/, 1, 'which is the last one');
like($output, qr/^The first worker had counted [1-9]\d* events when its transaction was undone/m, 'a read model: a worker is undone');
my $busiest = q(FROM events WHERE aggregate_name = 'package' AND data ? 'package');
is( $node->safe_psql('goes', 'SELECT package, events, last_event FROM busiest ORDER BY 1'),
    $node->safe_psql('goes', qq(SELECT data ->> 'package', count(*), max("time") $busiest GROUP BY 1 ORDER BY 1)),
    'and every event is counted once');
is($node->safe_psql('goes', 'SELECT sum(behind) FROM goes_subscription_lag()'), '0', 'none is left');
is( $node->safe_psql('goes', q(SELECT count(*), count(aggregate_id) FROM events WHERE name !~ '^(article|order|package.noticed)')),
    $node->safe_psql('postgres', "SELECT count(*), count(*) FILTER (WHERE line !~ 'startup|conffile') "
            . "FROM string_to_table(trim(E'\\n' FROM pg_read_file('$directory/dpkg.log')), E'\\n') AS line"),
    'each line is an event, and each line about a package is of its history');
is( $node->safe_psql('goes', q(SELECT goes_timestamp(min("time")) AT TIME ZONE 'Asia/Kolkata' FROM events WHERE name ~ '^dpkg')),
    '2026-05-09 07:28:46',
    'at the time that it was on that machine');

($status, $output, $errors) = run_example('dpkg_events', "$directory/dpkg.log");
is($status, 1, 'the same log once more is refused');
like($errors, qr/^dpkg_events: version conflict: /, 'since its versions are taken');

# A log after a crash: zeros, broken and control characters, lines that are cut off, impossible dates.
$node->safe_psql('postgres', 'DROP DATABASE goes');
($status, $output, $errors) = run_example(
    'dpkg_events',
    log_file('odd.log',
            "2026-05-09 07:28:46 status installed a\xff\x01b:all 1.0\n"
          . "2026-05-09 07:28:46 conffile /etc/x\"y\\z keep\n"
          . "2026-05-09 07:28:46 status installed <none> <none>\n"
          . "2026-05-09 07:28:46 install a <none> 1.0\n"
          . "2026-05-09 07:28:46 install a <none> 1.0 more\n"
          . "2026-13-09 07:28:46 status installed a 1\n"
          . "\\.\n\n\0\0\0\n" . ('x' x 100000) . "\n"
          . "2026-05-09 07:28:46 startup\n2026-05-09 07:2"));
is($errors, '', 'an odd log is no trouble');
is($status, 0, 'to its end');
like($output, qr/^12 lines, .*\nLeft out, because their form is unknown: 7$/m, 'what cannot be read is counted');
is( $node->safe_psql('goes', 'SELECT name, data, aggregate_version FROM events ORDER BY id'),
    join("\n",
        'package.installed|{"package": "a??b:all", "version": "1.0"}|1',
        'dpkg.conffile|{"text": "/etc/x\"y\\\\z keep"}|',
        'package.installed|{}|',
        'dpkg.install|{"package": "a", "available": "1.0"}|1',
        'dpkg.install|{"text": "a <none> 1.0 more"}|',
        'package.noticed|null|2'),
    'and the rest is stored');

($status, $output, $errors) = run_example('dpkg_events', log_file('empty.log', ''));
is($status, 1, 'an empty log has nothing to tell');
like($errors, qr/does not tell of any package$/, 'and the program says so');
($status, $output, $errors) = run_example('dpkg_events', '/nonexistent/dpkg.log');
like($errors, qr{^dpkg_events: /nonexistent/dpkg\.log: }, 'a missing log is named');

{
    local $ENV{POSTGRES_EVENTSTORE} = "host=/nonexistent user=$user password=secret";
    ($status, $output, $errors) = run_example('shop');
    is($status, 1, 'without a server nothing is sold');
    like($errors, qr/^shop: no connection: /, 'and the shop says why');
    unlike($errors, qr/secret/, 'but not the password');
}

$node->stop;
done_testing();
