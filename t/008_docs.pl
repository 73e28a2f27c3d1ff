# What README.md and docs/ show is so: their SQL and C runs, and the output below a block is the output got.
#
# Each page has a server with an empty database "goes". First its ```sql blocks run, in order, in one
# session of psql, and its ```python blocks in their places between them, each as a program; then its
# ```c blocks. A block with main is a program; all others of the page make one program together: those with
# a line that begins with #include or static stand outside its main, the rest in it, in order. A ```text
# block that comes next after a block is its output, errors and all, but for blanks at the ends of lines and
# the CONTEXT of errors; lines of more than 100 columns are folded. A block without one must run without an
# error. What cannot be run has another tag: sh, go, or signature.
#
# A block whose tag is followed by the name of a file is an excerpt of it: consecutive lines, but for their
# indentation. The files are those of examples/ that `make examples` runs, and a ```sql one runs here as well.
#
# DOCS_GOT names a folder that the server's user can write to: there the pages go with the output got.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Docs;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @pages = ('README.md', sort glob('docs/*.md'));
my $libgoes = system('pkg-config --exists libgoes 2>/dev/null') == 0;

# Tells whether a file has these lines, one after the other, each indented as much more as the first.
sub has_excerpt
{
    my ($path, $excerpt) = @_;
    my @lines = split(/\n/, slurp($path));
    my $count = () = $excerpt =~ /\n/g;

    for my $first (0 .. @lines - $count)
    {
        my ($indentation) = $lines[$first] =~ /^(\s*)/;
        return 1 if join('', map { s/^\Q$indentation\E//r . "\n" } @lines[ $first .. $first + $count - 1 ]) eq $excerpt;
    }
    return 0;
}

# Checks the excerpts of a page.
sub check_excerpts
{
    my ($page, @blocks) = @_;

    for my $block (grep { defined($_->{file}) } @blocks)
    {
        my $name = "$page, line $block->{line}";
        like($block->{file}, qr{^examples/((shop|follow)\.sql$|(python|node|java|go|rust)/)}, "$name: `make examples` runs $block->{file}");
        ok(-e $block->{file} && has_excerpt($block->{file}, $block->{text}), "$name: $block->{file} has these lines");
    }
    return;
}

# Makes one program of the C blocks that have no main.
sub joined_program
{
    my ($page, @blocks) = @_;
    my ($outside, $inside) = ('', '');

    for my $block (@blocks)
    {
        my $text = "#line $block->{line} \"$page\"\n$block->{text}";
        if ($block->{text} =~ /^(#include|static )/m)
        {
            $outside .= $text;
        }
        else
        {
            $inside .= "puts(\"$mark\");\n$text";
        }
    }
    return "#include <stdio.h>\n${outside}int\nmain(void)\n{\n$inside\nreturn 0;\n}\n";
}

# Builds and runs a program.
sub run_program
{
    my ($node, $name, $source) = @_;
    my $path = PostgreSQL::Test::Utils::tempdir() . '/program';
    my @flags = split(' ', `pkg-config --cflags --libs libgoes`);
    my $libraries = `pkg-config --variable=libdir libgoes` =~ s/\s+\z//r;
    local $ENV{POSTGRES_EVENTSTORE} = sprintf('host=%s port=%d user=%s', $node->host, $node->port, scalar(getpwuid($<)));
    delete local @ENV{qw(PGHOST PGPORT PGDATABASE PGUSER)};

    open(my $file, '>', "$path.c") or die "$path.c: $!";
    print $file $source;
    close($file);
    my ($built, $complaints) = output_of('', 'cc', '-Wall', '-Wextra', '-Werror', '-o', $path, "$path.c", @flags, "-Wl,-rpath,$libraries");
    ok($built, "$name is built") or diag($complaints);
    return '' if !$built;
    my ($ended, $output) = output_of('', $path);
    ok($ended, "$name runs to its end") or diag($output);
    return $output;
}

# Runs the C of a page.
sub run_c
{
    my ($node, $page, @blocks) = @_;
    my @programs = grep { $_->{text} =~ /^(int )?main\(/m } @blocks;
    my @parts = grep { $_->{text} !~ /^(int )?main\(/m } @blocks;

    share_output("$mark\n" . run_program($node, "the program in line $_->{line} of $page", $_->{text}), $_) for @programs;
    share_output(run_program($node, "the program of $page", joined_program($page, @parts)), grep { $_->{text} !~ /^(#include|static )/m } @parts)
      if @parts;
    return;
}

# Writes a page with the output got in place of the output shown.
sub write_got
{
    my ($page, @blocks) = @_;
    my $text = slurp($page);

    for my $block (reverse grep { defined($_->{got}) && $_->{shown} } @blocks)
    {
        my @lines = split(/^/, $text);
        splice(@lines, $block->{shown}{line} - 1, () = $block->{shown}{text} =~ /\n/g);
        splice(@lines, $block->{shown}{line} - 1, 0, $block->{got});
        $text = join('', @lines);
    }
    my $path = "$ENV{DOCS_GOT}/" . $page =~ s{.*/}{}r;
    open(my $file, '>', $path) or die "$path: $!";
    print $file $text;
    close($file);
    return;
}

# The places in a page that a link can lead to, as forges make them of the headings.
sub anchors_of
{
    my ($page) = @_;
    return map { lc(s/[^\w -]//gr) =~ tr/ /-/r } slurp($page) =~ /^#+ (.*)$/mg;
}

# The form of the pages: what fits a terminal, and links that lead somewhere.
for my $page (@pages)
{
    my @wide = grep { length($_) > $columns } map { my $line = $_; utf8::decode($line); $line } split(/\n/, slurp($page));
    is("@wide", '', "$page: at most 100 columns");
    for my $link (slurp($page) =~ /\]\(([^):]*(?:\.md)?(?:#[\w-]+)?)\)/g)
    {
        my ($target, $anchor) = split(/#/, $link);
        my $path = $target eq '' ? $page : ($page =~ s{[^/]*\z}{}r) . $target;
        $path =~ s{^docs/\.\./}{};
        next if !grep { $_ eq $path } @pages;
        ok(!defined($anchor) || (grep { $_ eq $anchor } anchors_of($path)), "$page: the link $link leads somewhere");
    }
}
cmp_ok(scalar(split(/\n/, slurp('README.md'))), '<=', 150, 'README.md has at most 150 lines');

my $node = PostgreSQL::Test::Cluster->new('docs');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->start;
for my $page (@pages)
{
    my @blocks = blocks_of($page);
    my @session = grep { $_->{tag} eq 'sql' || ($_->{tag} eq 'python' && !defined($_->{file})) } @blocks;
    my $has_python = grep { $_->{tag} eq 'python' } @session;
    my @c = grep { $_->{tag} eq 'c' } @blocks;

    is(join(' ', map { "$_->{tag}:$_->{line}" } grep { $_->{tag} !~ /^(sql|c|python|sh|go|signature)$/ && !defined($_->{file}) && !$_->{is_output} } @blocks),
        '', "$page: every block has a tag that says what to do with it, and every output a block");
    check_excerpts($page, @blocks);
    $node->safe_psql('postgres', 'CREATE DATABASE goes');
    if (@session && ($python || !$has_python))
    {
        local $ENV{PGHOST} = $node->host;
        local $ENV{PGPORT} = $node->port;
        run_in_session(@session);
    }
    diag("$page is not tried, since it has Python, and there is no psycopg2") if $has_python && !$python;
    run_c($node, $page, @c) if @c && $libgoes;
    diag("$page: its C is not tried, since pkg-config knows no libgoes") if @c && !$libgoes;
    compare($page, @blocks);
    write_got($page, @blocks) if $ENV{DOCS_GOT};
    $node->safe_psql('postgres', 'DROP DATABASE goes WITH (FORCE)');
}

# The drivers that docs/languages.md names are those that the examples' lock files name.
my $locks = join('', map { slurp($_) } glob('examples/python/requirements.txt examples/node/package-lock.json examples/java/pom.xml examples/go/go.mod examples/rust/Cargo.lock'));
for my $row (grep { /^\| [\w -]+ \| \d+\.[\d.]+ \|/ } split(/\n/, slurp('docs/languages.md')))
{
    my (undef, $driver, $version) = split(/ ?\| ?/, $row);
    like($locks, qr/(?<!\d)\Q$version\E\b/, "docs/languages.md: $driver $version is what the examples are locked to");
}

# docs/sql.md has every function and every argument.
$node->safe_psql('postgres', 'CREATE EXTENSION goes_store');
my $reference = slurp('docs/sql.md');
for my $name (
    split(/\n/, $node->safe_psql('postgres', q{
        SELECT DISTINCT name FROM pg_proc, unnest(proname || coalesce(proargnames, '{}')) AS name
        WHERE proname ~ '^goes_' AND prorettype NOT IN ('internal'::regtype, 'trigger'::regtype) ORDER BY name})))
{
    next if $name =~ /^(timestamp|nanoseconds)$/;
    like($reference, qr/\b\Q$name\E\b/, "docs/sql.md has $name");
}
$node->stop;
done_testing();
