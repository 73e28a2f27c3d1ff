# goes export and goes import: what goes out comes in, to the byte and in order, once, however often it
# is broken off.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Cli;
use Test::More;

my ($status, $output, $errors);

# All that is stored, in its order.
sub rows
{
    my ($table, $order) = @_;
    return sql("SELECT id, name, time, aggregate_id, aggregate_name, aggregate_version, data FROM $table ORDER BY " . ($order // 'position'));
}

# An import of a text.
sub import_text
{
    my ($text, @options) = @_;
    return goes($text, @options, 'import');
}

# So many lines, with ids that end in their number.
sub lines
{
    my ($first, $last) = @_;
    return join('', map { sprintf(qq({"id": "019a0000-0000-7000-8000-%012d", "name": "line", "time": %d, "data": {"n": %d}}\n), $_, $_, $_) } $first .. $last);
}

start_server();
for my $table ('events', 'copied', 'piped', 'lines')
{
    ($status, $output, $errors) = goes('', '-t', $table, 'init', '--feed');
    is($status, 0, "$table is there");
}

# Everything that an event can be, as the stores write it: any version and time, with an aggregate, a part
# of one or none, odd names, and data of all kinds. The ids do not ascend, so that the order is that of
# positions.
sql(q{
    INSERT INTO events (id, name, time, aggregate_id, aggregate_name, aggregate_version, data)
    SELECT gen_random_uuid(), (ARRAY['plain', 'ä😀', E'"\\\\/\u0007\n\t', repeat('x', 255), ' '])[1 + n % 5],
        (ARRAY[0, 1, -1, 9223372036854775807, -9223372036854775808, 1767225600123456789, -1000000000, -1000000001])[1 + n % 8],
        one.id, one.name, CASE WHEN one.id IS NOT NULL OR one.name IS NOT NULL OR one.version <> 0 THEN one.version END,
        (ARRAY['null', '{}', '[]', '{"a": [1, {"b": "\u00e4\\\\\" \ud83d\ude00"}, null, 1.50, 1e30, true]}', '"x"', '12345678901234567890.123', '""'])[1 + n % 7]::jsonb
    FROM generate_series(1, 5000) n, LATERAL (SELECT
        (ARRAY[NULL, gen_random_uuid(), gen_random_uuid()])[1 + n % 3] AS id, (ARRAY[NULL, 'order', '"'])[1 + n / 3 % 3] AS name,
        (ARRAY[0, 1, 2147483647, -2147483648])[1 + n % 4] AS version) one});
sql('DELETE FROM events WHERE position % 7 = 0');

($status, $output, $errors) = goes('', 'export');
is("$status $errors", '0 ', 'export');
my $exported = $output;
my $count = sql('SELECT count(*) FROM events');
is(scalar(() = $exported =~ /\n/g), $count, 'a line for each event');
is(sql("SELECT count(*) FROM events e JOIN (SELECT (line::jsonb->>'position')::bigint AS position, line::jsonb - 'position' AS j FROM pg_read_file('"
    . written_file('exported.jsonl', $exported)
    . "') AS all_lines, string_to_table(trim(E'\\n' FROM all_lines), E'\\n') AS line) l USING (position), unnest(goes_events_from_json(l.j)) f WHERE (e.id, e.name, e.time, e.data) = (f.id, f.name, f.time, f.data)"),
    $count, 'and the server reads the same in it');
my $stored = rows('events');
($status, $output, $errors) = import_text($exported, '-t', 'copied');
is("$status $output" . $errors, '0 ' . $count =~ s/(\d)(\d{3})$/$1,$2/r . " events were stored\n", 'import');
ok(rows('copied') eq $stored, 'the same seven columns in the same order');
($status, $output, $errors) = import_text($exported, '-t', 'copied');
like($errors, qr/^0 events were stored, 4,286 were there before\n\z/, 'once more: nothing is stored');
ok(rows('copied') eq $stored, 'and nothing has changed');
is(system('sh', '-c', "'$goes' export | '$goes' -t piped import --batch 7 2>/dev/null"), 0, 'export | import');
ok(rows('piped') eq $stored, 'the same again');

# Text that means the same is the same event; anything else is not.
($status, $output, $errors) = import_text('{ "data" : {"n":1.0,"m":[ ]} , "time": "1970-01-01T01:00:00+01:00", "name":"\u0061", "id":"019A0000-0000-7000-8000-0000000000aa", "position": 7 }', '-t', 'lines');
is($status, 0, 'a line without a newline, with other blanks');
($status, $output, $errors) = import_text('{"data": {"m": [], "n": 1.0}, "time": 0, "name": "a", "id": "019a0000-0000-7000-8000-0000000000aa"}', '-t', 'lines');
is("$status $errors", "0 0 events were stored, 1 were there before\n", 'the same event in other words');
for my $other ('"data": {"m": [], "n": 2}, "time": 0, "name": "a"', '"data": {"m": [], "n": 1.0}, "time": 1, "name": "a"', '"data": {"m": [], "n": 1.0}, "time": 0, "name": "b"')
{
    ($status, $output, $errors) = import_text(lines(1, 3) . "{$other, \"id\": \"019a0000-0000-7000-8000-0000000000aa\"}", '-t', 'lines');
    is($status, 4, "another event with that id: $other");
    like($errors, qr/line 4: another event with the same id is stored/, 'and its line');
    is(sql('SELECT count(*) FROM lines'), '1', 'nothing of its batch is stored');
}
($status, $output, $errors) = import_text(lines(1, 3) . lines(2, 2), '-t', 'lines');
is($status, 4, 'the same id twice');
like($errors, qr/lines 2 and 4 have the same id/, 'and its lines');
sql('DELETE FROM lines');

# Broken lines. A batch has 10 of them.
for my $case ([ '{"name": "a"', 2, qr/^goes: line 25 is no event: neither a comma nor an end at column 13$/m ], [ 'x', 2, qr/^goes: line 25 is no event: something that is no JSON object at column 1$/m ],
    [ '{"name": "", "id": "019a0000-0000-7000-8000-0000000000aa"}', 2, qr/^goes: line 25: /m ],
    [ '{"name": "a", "data": 1e999999, "id": "019a0000-0000-7000-8000-0000000000aa"}', 2, qr/^goes: line 25: /m ],
    [ '{"name": "a", "data": "\u0000"}', 2, qr/^goes: line 25: /m ], [ "{\"name\": \"a\xff\"}", 2, qr/^goes: line/m ])
{
    my ($line, $code, $message) = @$case;
    ($status, $output, $errors) = goes(lines(1, 24) . "$line\n" . lines(26, 50), '-t', 'lines', 'import', '-b', '10');
    is($status, $code, "a broken line: " . $line =~ s/[^ -~]/?/gr);
    like($errors, $message, 'its number');
    like($errors, qr/^goes: \S+ events were stored(, and 20 were there before)?; lines 1 to 20 are done, and none behind them$/m, 'what went before is named');
    is(sql('SELECT count(*) FROM lines'), '20', 'nothing of its batch is stored');
}
($status, $output, $errors) = goes(lines(1, 15) . "\n  \r\n" . lines(16, 50), '-t', 'lines', 'import', '-b', '7');
is("$status $errors", "0 30 events were stored, 20 were there before\n", 'mended, in batches of another size, with blank lines');
is(sql('SELECT count(*), count(DISTINCT id) FROM lines'), '50|50', 'each event once');
like((import_text("no line\n", '-t', 'lines'))[2], qr/^goes: 0 events were stored; no line is done$/m, 'the first line is broken');
fails_with(3, qr/cannot open .*nothing/, 'a file that is not there', 'import', '/nothing');
fails_with(1, qr/cannot read/, 'a folder', 'import', '/tmp');
($status, $output, $errors) = import_text('', '-t', 'lines');
is("$status $errors", "0 0 events were stored\n", 'an empty file');

# A line that is longer than the block that is read.
my $long = 'x' x 9_000_000;
($status, $output, $errors) = import_text(lines(51, 52) . qq({"name": "long", "data": "$long"}\n) . lines(53, 54), '-t', 'lines');
is("$status $errors", "0 5 events were stored\n", 'a long line');
is(sql("SELECT length(data #>> '{}') FROM lines WHERE name = 'long'"), '9000000', 'is whole');
sql("DELETE FROM lines WHERE name = 'long'");

# --after, and filters
is((goes('', '-t', 'lines', 'export', '--after', sql('SELECT position FROM lines ORDER BY position OFFSET 50 LIMIT 1')))[1] =~ tr/\n//, 3, 'export --after');
is((goes('', '-t', 'lines', 'export', '--time-min', '11', '--time-max', '20'))[1] =~ tr/\n//, 10, 'export with filters');

# A store without a feed comes by time.
goes('', '-t', 'timed', 'init');
sql('INSERT INTO timed SELECT id, name, time, aggregate_id, aggregate_name, aggregate_version, data FROM lines ORDER BY random()');
is(join(' ', (goes('', '-t', 'timed', 'export'))[1] =~ /"n": (\d+)/g), join(' ', 1 .. 54), 'a store without a feed');

# Nobody reads, the disk is full, the server goes.
for my $command ('export', 'query --json', 'tail -n 5000')
{
    like(`$goes $command 2>&1 >/dev/full; echo \$?`, qr/^goes: cannot write: No space left on device\n1\n\z/m, "$command: a full disk");
}
like(`$goes export 2>&1 >/dev/full`, qr/^goes: 0 events were written\n/, 'export: how far it came');
my $said = written_file('said', '');
is(`bash -c "{ $goes export 2>$said; echo \\\$? >>$said; } | head -n 1 | wc -l"`, "1\n", 'a closed pipe');
like(PostgreSQL::Test::Utils::slurp_file($said), qr/^goes: [\d,]+ events were written(, up to position \d+: go on with --after \d+)?\ngoes: cannot write: Broken pipe\n1\n\z/, 'says how far it came');

# A file that cannot take all ends with a whole line, and the export goes on behind it.
my $limited = written_file('limited.jsonl', '');
my $told = `bash -c "ulimit -f 300; trap '' XFSZ; $goes export 2>&1 >$limited"`;
like($told, qr/^goes: ([\d,]+) events were written, up to position (\d+): go on with --after \2\ngoes: cannot write: File too large\n\z/, 'a file that is too large');
my ($after) = $told =~ /--after (\d+)/;
like(PostgreSQL::Test::Utils::slurp_file($limited), qr/"position": $after, [^\n]*\n\z/, 'ends with a whole line');
system("$goes export --after $after >>$limited");
is(PostgreSQL::Test::Utils::slurp_file($limited), $exported, 'and what is added makes it whole');

# In constant memory: 40 MB of data take less than 30 MB of memory, each way. ASan would take more.
goes('', '-t', 'large', 'init', '--feed');
goes('', '-t', 'large_copy', 'init', '--feed');
sql(q{INSERT INTO large (id, name, time, data) SELECT gen_random_uuid(), 'large', n, to_jsonb(repeat(md5(n::text), 60)) FROM generate_series(1, 20000) n});
my $file = written_file('large.jsonl', '');
is(system('bash', '-c', "ulimit -d 30000; '$goes.plain' -t large export >$file"), 0, 'export in constant memory');
cmp_ok(-s $file, '>', 40_000_000, 'is large');
is(system('bash', '-c', "ulimit -d 30000; '$goes.plain' -t large_copy import $file 2>/dev/null"), 0, 'import in constant memory');
is(sql('SELECT count(*) FROM large_copy JOIN large USING (id, name, time, data)'), '20000', 'all of it');

# Killed in the middle, and run again, until it comes to its end.
goes('', '-t', 'killed', 'init', '--feed');
my $rounds = 0;
do
{
    $rounds++;
    system('bash', '-c', "timeout -s KILL 0.0$rounds '$goes' -t killed import $file >$said 2>&1");
} while ($? != 0 && $rounds < 9);
is(system('bash', '-c', "'$goes' -t killed import $file >$said 2>&1"), 0, "after $rounds imports that were killed");
cmp_ok($rounds, '>', 1, 'at least one');
is(sql('SELECT count(*), count(DISTINCT id) FROM killed JOIN large USING (id, name, time, data)'), '20000|20000', 'each event is there once');
is(sql('SELECT count(*) FROM (SELECT time, lag(time) OVER (ORDER BY position) AS before FROM killed) k WHERE before > time'), '0', 'in order');

# An interrupt ends at once what waits, and says how far it came.
my ($out, $err) = ('', '');
$node->stop;
fails_with(5, qr/no connection/, 'the server is gone', 'export');
done_testing();
