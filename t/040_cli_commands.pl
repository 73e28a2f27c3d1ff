# goes, the command-line tool: what each command does, and how it fails.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Cli;
use Test::More;

my $order = '019a0000-0000-7000-8000-000000000001';
my ($status, $output, $errors);

# ---- Help

start_server();
($status, $output) = goes('', '--help');
my @commands = $output =~ /^  (\w+) +\w.*\n/mg;
is("@commands[0 .. 9]", 'init append history query tail export import check stats subscriptions', 'all commands are listed');
for my $command (@commands[ 0 .. 9 ])
{
    is_run("help of $command", qr/^Usage: goes $command .*^Example:\n\n  goes (--url \S+ )?$command/ms, $command, '--help');
    fails_with(2, qr/unrecognized option '--nonsense'/, "$command knows its options", $command, '--nonsense');
}
is_run('version', qr/^goes \(goes_store\) \d+\.\d+\.\d+$/, '--version');
fails_with(2, qr/^Usage: goes/, 'no command');
fails_with(2, qr/there is no command "nonsense"/, 'an unknown command', 'nonsense');

# ---- Without a store

fails_with(6, qr/database "goes" does not exist\nRun "goes check".*"goes init"/, "$_: no database", $_) for 'stats', 'tail', 'query', 'export';
fails_with(6, qr/database "goes" does not exist\nRun "goes init" to make it/, 'check: no database', 'check');
fails_with(6, qr/no extension goes_store/, "$_: no extension", '-d', 'postgres', $_) for 'stats', 'check';
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'goes'"), '0', 'none of them has made it');
fails_with(5, qr{^goes: no connection: .*/nowhere}, 'no server', '--url', 'host=/nowhere', @$_) for ['stats'], ['init'], ['check'], [ 'append', 'order', 'new', 'a' ];
{
    local $ENV{POSTGRES_EVENTSTORE} = '';
    fails_with(2, qr/there is no server: set POSTGRES_EVENTSTORE, or give --url/, 'no URL', 'stats');
    fails_with(2, qr/./, 'a URL that cannot be read', '--url', 'nonsense', 'stats');
}
$node->safe_psql('postgres', "CREATE ROLE guest LOGIN PASSWORD 'right'");
my $hba = $node->data_dir . '/pg_hba.conf';
my $rules = PostgreSQL::Test::Utils::slurp_file($hba);
open(my $file, '>', $hba) or die;
print $file "local all guest scram-sha-256\n$rules";
close($file);
$node->reload;
my $guest = sprintf('host=%s port=%d user=guest password=wrong', $node->host, $node->port);
for my $command ('stats', 'check', 'init')
{
    my @words = ('--url', $guest, $command);
    fails_with(5, qr/password authentication failed/, "$command: a wrong password", @words);
    unlike((goes('', @words))[2], qr/password=|wrong/, 'which is not shown');
}

# ---- init

is_run('init', "the store \"events\" is ready\n", 'init');
is_run('init again', "the store \"events\" is ready\n", 'init');
fails_with(6, qr/has no feed/, 'tail without a feed', 'tail');
fails_with(2, qr/--after needs a store with a feed/, 'export --after without one', 'export', '--after', '1');
fails_with(2, qr/invalid value|sometimes/, 'a guard that is none', 'init', '--validate-versions', 'sometimes');
($status, $output, $errors) = goes('', 'init', '--feed', '--append-only', '--validate-versions', 'sequential');
is($status, 0, 'init with a feed and guards');
is(sql("SELECT string_agg(tgname, ' ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = 'events'::regclass"),
    'goes_append_only goes_feed_truncate goes_feed_wake goes_validate_versions', 'all of them are there');
is_run('another table', "the store \"\"Odd Name\"\" is ready\n", '-t', '"Odd Name"', 'init');
is(sql("SELECT count(*) FROM \"Odd Name\""), '0', 'and it is there');

# ---- append

is_run('append', "order $order is at version 2\n", 'append', 'order', $order, 'order.placed', '{"total": 30}', 'order.paid');
is(sql('SELECT aggregate_version, name, data FROM events ORDER BY position'), qq(1|order.placed|{"total": 30}\n2|order.paid|null), 'is stored');
fails_with(4, qr/^goes: version conflict: aggregate "order" $order is at version 2, and was expected to be new/,
    'a conflict', 'append', '--expect', 'none', 'order', $order, 'order.sent');
fails_with(4, qr/is at version 2/, 'another one', 'append', '--expect', '1', 'order', $order, 'order.sent');
fails_with(4, qr/version conflict/, 'a new one does not exist', 'append', '--expect', 'exists', 'order', 'new', 'order.sent');
is_run('append --expect N', "order $order is at version 3\n", 'append', 'order', $order, '--expect=2', 'order.sent');
is_run('append --expect exists', "order $order is at version 4\n", 'append', 'order', $order, '--expect=exists', 'order.lost');
my $line = is_run('append new --json', qr/^\{.*\}\n$/, 'append', '--json', 'order', 'new', '--expect', 'none', 'order.placed', '[1, "ä"]');
is(sql("SELECT count(*) FROM events e, unnest(goes_events_from_json(\$json\$$line\$json\$::jsonb)) j WHERE e.id = j.id AND e.data = j.data AND e.time = j.time AND e.aggregate_version = 1"),
    '1', 'it shows what is stored');
($status, $output, $errors) = goes(qq({"name": "a", "data": {"x": "\\u00e4\\ud83d\\ude00"}, "time": "2026-01-01T02:00:00.5+02:00"}\n\n {"name": "b\\"\\\\\\u0041"} \n),
    'append', 'thing', $order);
is("$status $output$errors", "0 thing $order is at version 2\n", 'lines of JSON');
is(sql("SELECT name, time, data FROM events WHERE aggregate_name = 'thing' AND aggregate_version = 1"), qq(a|1767225600500000000|{"x": "ä😀"}), 'are read');
is(sql("SELECT name FROM events WHERE aggregate_name = 'thing' AND aggregate_version = 2"), 'b"\\A', 'with their escapes');

for my $case (
    [ '{"name": "a"', qr/line 1 is no event: neither a comma nor an end at column 13; nothing is stored/ ],
    [ "{\"name\": \"a\"}\nno JSON", qr/line 2 is no event: something that is no JSON object at column 1/ ],
    [ '{"data": 1}', qr/an event without a name/ ], [ '{}', qr/an event without a name/ ], [ '[]', qr/no JSON object/ ],
    [ '{"name": 1}', qr/something that is no string at column 10/ ],
    [ '{"name": "a", "nonsense": 1}', qr/a key that events do not have at column 15/ ],
    [ '{"name": "a", "id": "1"}', qr/text that is no UUID at column 21/ ],
    [ '{"name": "a", "time": "2026-01-01T00:00:00"}', qr/neither nanoseconds nor ISO 8601 with its zone/ ],
    [ '{"name": "a", "time": "2026-02-30T00:00:00Z"}', qr/neither nanoseconds/ ],
    [ '{"name": "a", "time": 99999999999999999999}', qr/neither nanoseconds/ ],
    [ '{"name": "a", "data": {"x": tru}}', qr/something that is no value at column 29/ ],
    [ '{"name": "a", "data": [1,]}', qr/something that is no value/ ], [ '{"name": "a", "data": "x}', qr/a string without an end/ ],
    [ '{"name": "a"} {}', qr/something behind the event/ ], [ '{"name": "\\ud800"}', qr/an escape/ ], [ '{"name": "\\u0000"}', qr/an escape/ ],
    [ '{"name": "a", "data": ' . '[' x 20000 . '}', qr/too many levels/ ],
    [ '{"name": "a", "aggregate_version": 1.5}', qr/a version that is no integer/ ],
    [ '', qr/there are no events/ ])
{
    my ($input, $message) = @$case;
    ($status, $output, $errors) = goes($input, 'append', 'broken', $order);
    is($status, 2, "no event: " . substr($input, 0, 60));
    like($errors, $message, 'and why');
}
for my $case ([ 'order', 'no UUID', qr/"no UUID" is no UUID/ ], [ 'order', qr/needs the name and the id/ ],
    [ 'order', $order, 'a', '{', qr/the data of "a" are no JSON: something that is no key at column 2/ ],
    [ 'order', $order, 'a', '1 2', qr/something behind the value/ ],
    [ 'order', $order, '{"a": 1}', qr/the name of an event is missing before the data \{"a": 1\}/ ],
    [ 'order', $order, 'a', '{}', '[1]', qr/missing before the data \[1\]/ ],
    [ 'order', $order, '--expect', 'some', 'a', qr/"some" is neither a version nor none, exists or any/ ], [ 'order', $order, '--expect=-3', 'a', qr/not between 0/ ],
    [ 'order', $order, 'a', '{"x": 1e999999}', qr/./ ], [ 'order', $order, '', qr/./ ])
{
    my $message = pop @$case;
    fails_with(2, $message, "append @$case", 'append', @$case);
}
is(sql("SELECT count(*) FROM events WHERE name = 'a' AND aggregate_name <> 'thing'"), '0', 'and none of it is stored');

my $locker = $node->background_psql('goes');
$locker->query_safe('BEGIN; LOCK events IN EXCLUSIVE MODE');
$errors = (goes('', '--timeout', '1', 'append', 'order', $order, 'a'))[2];
my ($unsure) = $errors =~ /^goes: "goes query --id ([0-9a-f-]{36})" shows the first event if they are stored$/m;
ok(defined($unsure), 'append: a timeout, and the message names the event') or diag($errors);
fails_with(7, qr/longer than its timeout/, 'whether it is stored is not known', '--timeout', '1', 'append', 'order', $order, 'a');
$locker->quit;
fails_with(3, qr/no such event/, 'append: a timeout: it is not stored here', 'query', '--id', $unsure) if defined($unsure);

# ---- history

$output = is_run('history', undef, 'history', 'order', $order);
like($output, qr/\Av  time +name +data\n(\d  20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z  order\.\w+ +.*\n){4}\z/, 'a table');
unlike($output, qr/[\033\r]/, 'without a code of terminals');
is(join(' ', $output =~ /^(\d)/mg), '1 2 3 4', 'by version');
like((goes('', 'query', '--aggregate-id', $order))[1], qr/\Atime +name +aggregate +id +v  data\n(20\S+ \S+Z  .* $order  \d  .*\n){6}\z/, 'a query says whose they are');
$output = is_run('history --from --to', undef, 'history', 'order', $order, '--from', '2', '--to', '3', '--json');
is(join(' ', $output =~ /"aggregate_version": (\d)/g), '2 3', 'some versions');
$output = is_run('history --limit', undef, 'history', 'order', $order, '--limit', '1', '--pretty');
like($output, qr/\A\{\n  "id": "[-0-9a-f]{36}",\n  "name": "order.placed",\n  "time": "\S+",\n  "aggregate_id": "$order",\n  "aggregate_name": "order",\n  "aggregate_version": 1,\n  "data": \{\n    "total": 30\n  \}\n\}\n\z/, 'with indentation');
fails_with(3, qr/there are no such events of that order/, 'an aggregate without events', 'history', 'order', '019a0000-0000-7000-8000-00000000ffff');
fails_with(2, qr/"1" is no UUID/, 'an id that is none', 'history', 'order', '1');

# ---- query: each filter leaves what SQL leaves.

my ($id, $time) = split(/\|/, sql('SELECT id, time FROM events WHERE position = 2'));
for my $case (
    [ "names => '{order.paid,a}'", '--name', 'order.paid', '--name', 'a' ],
    [ "ids => ARRAY['$id'::uuid]", '--id', $id ],
    [ "times => '{$time}'", '--time', $time ],
    [ 'time_min => 1767225600500000001', '--time-min', '2026-01-01T00:00:00.500000001Z' ],
    [ 'time_max => 1767225600500000000', '--time-max', '2026-01-01 02:00:00.5+02' ],
    [ 'time_ranges => \'{"[1767225600000000000,1767312000000000000]"}\'', '--time-range', '2026-01-01..2026-01-02' ],
    [ "aggregate_names => '{thing}'", '--aggregate-name', 'thing' ],
    [ "aggregate_ids => ARRAY['$order'::uuid]", '--aggregate-id', $order ],
    [ "aggregates => ARRAY[('order', '$order')]::goes_aggregate_ref[]", '--aggregate', "order:$order" ],
    [ "aggregate_versions => '{1,3}'", '--aggregate-version', '1', '--aggregate-version', '3' ],
    [ 'version_min => 2', '--version-min', '2' ],
    [ 'version_max => 2', '--version-max', '2' ],
    [ 'version_ranges => \'{"[2,3]"}\'', '--version-range', '2..3' ],
    [ "names => '{a}', aggregate_names => '{order}'", '--name', 'a', '--aggregate-name', 'order' ])
{
    my ($filters, @options) = @$case;
    my @rows = is_run("query @options", undef, 'query', '--json', @options) =~ /"id": "([^"]+)"/g;
    is(join(' ', sort @rows), sql("SELECT coalesce(string_agg(id::text, ' ' ORDER BY id), '') FROM goes_query($filters)"), "query @options: the same as SQL");
    is_run("query --count @options", @rows . "\n", 'query', '--count', @options);
    next if grep { $_ eq '--id' } @options;
    @rows = is_run("tail @options", undef, 'tail', '--after', '0', '--json', @options) =~ /"id": "([^"]+)"/g;
    is(join(' ', @rows), sql("SELECT coalesce(string_agg(id::text, ' ' ORDER BY position), '') FROM goes_feed(0, $filters) WHERE name IS NOT NULL"), "tail @options: and in order");
}
is(join(' ', is_run('query --sort', undef, 'query', '--json', '--aggregate-name', 'order', '--sort', 'aggregate_id', '--sort', 'aggregate_version:desc', '--limit', '3') =~ /"aggregate_version": (\d)/g),
    '4 3 2', 'sorted, and at most three');
fails_with(3, qr/there is no such event/, 'query --id: not found', 'query', '--id', $order);
is_run('query without a result', '', 'query', '--name', 'nothing');
for my $case ([ '--sort', 'name', qr/nothing to sort by/ ], [ '--sort', 'time:up', qr/nothing to sort by/ ], [ '--id', 'x', qr/no UUID/ ],
    [ '--time-min', 'yesterday', qr/is no time, as in/ ], [ '--time-range', '1', qr/no range/ ], [ '--aggregate', 'order', qr/no NAME:UUID/ ],
    [ '--limit', '0', qr/not between 1/ ], [ '--version-min', '99999999999', qr/not between/ ], [ 'order.placed', qr/filters begin with --/ ])
{
    my $message = pop @$case;
    fails_with(2, $message, "query @$case", 'query', @$case);
}

# ---- tail

is(join(' ', is_run('tail -n', undef, 'tail', '--json', '-n', '3') =~ /"position": (\d+)/g), sql('SELECT string_agg(position::text, $$ $$ ORDER BY position) FROM (SELECT position FROM events ORDER BY 1 DESC LIMIT 3) e'), 'the last three');
my $began = time;
is_run('tail -n 0', '', 'tail', '-n', '0');
cmp_ok(time - $began, '<', 15, 'which waits for nothing');
like(is_run('tail', undef, 'tail'), qr/\Aposition  time .*\n( +\d+  20.*\n){7}\z/, 'all of them, in a table');
fails_with(2, qr/not between 0/, 'tail --after', 'tail', '--after=-1');
fails_with(6, qr/./, 'tail --after what is not there', 'tail', '--after', '1000000');

# What would steer a terminal is not shown as it is; JSON has it.
goes('', '-t', '"Odd Name"', 'append', 'odd', 'new', "a\033[2Jb\nc\x{c2}\x{9b}d", '"\u001b[2J"');
is((goes('', '-t', '"Odd Name"', 'query'))[1] =~ /a\?\[2J/ ? 1 : 0, 1, 'an escape in a name is a question mark');
unlike((goes('', '-t', '"Odd Name"', 'query'))[1], qr/\033|\x{c2}\x{9b}/, 'and nothing of it comes through');
like((goes('', '-t', '"Odd Name"', 'query', '--json'))[1], qr/"name": "a\\u001b\[2Jb\\u000ac/, 'in JSON it is an escape');

# ---- check

is_run('check', "the store \"events\" is sound\n", 'check');
is_run('check --json', '', 'check', '--json');
fails_with(6, qr/^$/, 'check: a store that is not there', '-t', 'nothing', 'check');
sql('CREATE TABLE broken (LIKE events INCLUDING DEFAULTS); ALTER TABLE broken DROP COLUMN position, ALTER COLUMN name TYPE varchar(10)');
$output = fails_with(6, qr/^$/, 'check: a store that does not fit', '-t', 'broken', 'check');
my $count = sql("SELECT count(*) FROM goes_check_store('broken')");
is(scalar(() = $output =~ /^\d+\. /mg), $count, 'every problem is listed');
like($output, qr/^   remedy: ALTER TABLE/m, 'with its remedy');
$output = fails_with(6, qr/^$/, 'check --json', '-t', 'broken', 'check', '--json');
is(scalar(() = $output =~ /^\{"problem": ".*", "remedy": .*\}$/mg), $count, 'check --json: every problem is a line');
fails_with(6, qr/is not a store: .*\nRun "goes check"/, 'query: a store that does not fit', '-t', 'broken', 'query');
$errors = (goes('', '-t', 'broken', 'init'))[2];
like($errors, qr/"broken" schema mismatch/, 'init: a table that does not fit');
like($errors, qr/\nDETAIL: ALTER TABLE .*\nHINT: .*the commands in DETAIL/s, 'and the commands that its hint means are labelled');
unlike($errors, qr/goes init/, 'is not told to run it again');
fails_with(2, qr/--fix asks before/, 'check --fix, and nobody answers', 'check', '--fix');
($status, $output, $errors) = goes('', '-t', 'broken', 'check', '--fix', '--yes');
is($status, 6, 'check --fix: something is left');
like($errors, qr/^done: CREATE UNIQUE INDEX/m, 'check --fix: indexes are made');
unlike($errors, qr/TYPE|DROP|USING/, 'check --fix: nothing is converted or dropped');
is(sql("SELECT count(*) FROM goes_check_store('broken')"), '1', 'check --fix: what is left is one problem');
like(sql("SELECT remedy FROM goes_check_store('broken')"), qr/ALTER COLUMN name TYPE/, 'which is the conversion');
sql('CREATE TABLE customers (id integer PRIMARY KEY, name text)');
fails_with(6, qr/"customers" lacks columns of a store, .*nothing was done\n.*without --yes/, 'check --fix --yes: a table of something else', '-t', 'customers', 'check', '--fix', '--yes');
is(sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 'customers'::regclass AND attnum > 0"), '2', 'it is as it was');
sql('ALTER TABLE events DISABLE TRIGGER goes_append_only');
($status, $output, $errors) = goes('', 'check', '--fix', '--yes');
is("$status $output", "0 the store \"events\" is sound\n", 'check --fix: a guard is enabled again');
sql("SELECT goes_create_store('rewound'); SELECT goes_alter_store('rewound', feed => true); TRUNCATE rewound RESTART IDENTITY");
my $feed = sql('SELECT id FROM rewound_feed');
like(sql("SELECT remedy FROM goes_check_store('rewound')"), qr/goes_alter_store\(.*feed => true/, 'a feed was rewound');
fails_with(6, qr/^$/, 'check --fix: a feed that was rewound', '-t', 'rewound', 'check', '--fix', '--yes');
is(sql('SELECT id FROM rewound_feed'), $feed, 'check --fix: no feed begins anew');

# ---- stats

$output = is_run('stats', qr/^store       events in goes\nevents      7\naggregates  3\nsize        \S+ kB, and indexes of \S+ kB\nguards      validate_versions sequential, append_only on\nfeed        at position \d+, 0 writing now\n/, 'stats');
like($output, qr/^order\.placed +2  20/m, 'stats: names');
like($output, qr/^order +2 +5 +4$/m, 'stats: kinds of aggregates');
$output = is_run('stats --json', undef, 'stats', '--json');
is(sql("SELECT j->>'events', j->>'append_only', j->>'validate_versions', j->'event_names'->0->>'name', jsonb_array_length(j->'aggregate_names') FROM (SELECT \$json\$$output\$json\$::jsonb) AS s(j)"),
    '7|true|sequential|order.placed|2', 'stats --json');
is_run('stats of an empty store', qr/events      1\n/, '-t', '"Odd Name"', 'stats');

# ---- subscriptions

fails_with(6, qr/does not exist\nRun SELECT goes_create_subscription_store/, 'subscriptions: no table', 'subscriptions');
sql("SELECT goes_create_subscription_store(); SELECT goes_subscribe('mails', partitions => 1, max_attempts => 1, names => '{order.placed}')");
is_run('subscriptions', qr/^subscription  partitions  .*\nmails +1 +0 +\d+ +0 +0 +0 +0\n\z/, 'subscriptions');
sql("SELECT epoch FROM goes_claim('mails', 'me', 10); SELECT goes_done('mails', 0, 1, failed => '{1}', errors => '{no address}')");
is_run('subscriptions lag', qr/^partition .*worker\n +0 .*  me\n\z/, 'subscriptions', 'lag', 'mails');
is_run('subscriptions parked', qr/^position .*error\n +1 .*no address\n\z/, 'subscriptions', 'parked', 'mails');
like(is_run('subscriptions parked --json', undef, 'subscriptions', 'parked', 'mails', '--json'), qr/^\{"position": 1, "attempts": 1, .*"error": "no address"\}\n\z/, 'as JSON');
is_run('subscriptions unpark', "1 event is unparked\n", 'subscriptions', 'unpark', 'mails', '1');
is_run('subscriptions unpark: none', "0 events are unparked\n", 'subscriptions', 'unpark', 'mails');
is_run('subscriptions skip', "1 event is skipped\n", 'subscriptions', 'skip', 'mails', '1');
is_run('subscriptions rewind', "mails goes on behind 0\n", 'subscriptions', 'rewind', 'mails', 'start');
is(sql('SELECT position FROM goes_subscription_lag()'), '0', 'it is at the start');
is_run('subscriptions rewind now', "mails goes on behind what is there now\n", 'subscriptions', 'rewind', 'mails', 'now');
is(sql('SELECT behind FROM goes_subscription_lag()'), '0', 'and at the end');
fails_with(3, qr/subscription "nails"/, "subscriptions @$_: not found", 'subscriptions', @$_)
  for [ 'lag', 'nails' ], [ 'parked', 'nails' ], [ 'unpark', 'nails' ], [ 'skip', 'nails', '1' ], [ 'rewind', 'nails', '1' ];
fails_with(2, qr/./, "subscriptions @$_: usage", 'subscriptions', @$_)
  for [ 'nonsense' ], [ 'lag' ], [ 'skip', 'mails' ], [ 'rewind', 'mails' ], [ 'rewind', 'mails', '1', '2' ], [ 'unpark', 'mails', 'x' ], [ 'lag', 'mails', '1' ];
fails_with(2, qr/"later" is neither a position nor start or now/, 'subscriptions rewind: a word', 'subscriptions', 'rewind', 'mails', 'later');

# ---- Rights

sql('GRANT CONNECT ON DATABASE goes TO guest; GRANT SELECT ON events TO guest');
$guest =~ s/wrong/right/;
is_run('a guest reads', qr/^20.*order\.placed/m, '--url', $guest, 'query', '--aggregate-name', 'order', '--aggregate-version', '1');
is_run('a guest follows', qr/^ +\d+  20.*order/m, '--url', $guest, 'tail', '--after', '0');
is_run('a guest counts', qr/^events      7$/m, '--url', $guest, 'stats');
fails_with(1, qr/permission denied/, 'a guest does not write', '--url', $guest, 'append', 'order', 'new', 'a');
fails_with(4, qr/./, 'a guard refuses what has a gap', 'import', written_file('gap.jsonl', qq({"name": "a", "aggregate_name": "gap", "aggregate_id": "$order", "aggregate_version": 2}\n)));

$node->stop;
done_testing();
