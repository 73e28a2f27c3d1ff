# What README.md and docs/ show is so: their SQL and C runs, and the output below a block is the output got.
#
# Each page has a server with an empty database "goes". First its ```sql blocks run, in order, in one
# session of psql, then its ```c blocks. A block with main is a program; all others of the page make one
# program together: those with a line that begins with #include or static stand outside its main, the rest in
# it, in order. A ```text block that comes next after a block is its output, errors and all, but for
# blanks at the ends of lines and the CONTEXT of errors; lines of more than 100 columns are folded. A block
# without one must run without an error. What cannot be run has another tag: sh, go, or signature.
#
# DOCS_GOT names a folder that the server's user can write to: there the pages go with the output got.

use strict;
use warnings FATAL => 'all';

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @pages = ('README.md', sort glob('docs/*.md'));
my $columns = 100;
my $most = $columns - 1;
my $mark = '---- the output of block';
my $libgoes = system('pkg-config --exists libgoes 2>/dev/null') == 0;

# Takes a page apart: its blocks, each with tag, text and first line.
sub blocks_of
{
    my ($page) = @_;
    my (@blocks, $block);
    my $number = 0;

    for my $line (split(/\n/, slurp_file($page)))
    {
        $number++;
        if ($block && $line eq '```')
        {
            push(@blocks, $block);
            undef $block;
        }
        elsif ($block)
        {
            $block->{text} .= "$line\n";
        }
        elsif ($line =~ /^```(\w*)$/)
        {
            $block = { tag => $1, text => '', line => $number + 1 };
        }
    }
    is($block, undef, "$page: every block ends");
    for my $n (0 .. $#blocks)
    {
        my $next = $blocks[ $n + 1 ];
        $blocks[$n]{shown} = $next if $blocks[$n]{tag} =~ /^(sql|c)$/ && $next && $next->{tag} eq 'text';
        $blocks[$n]{shown}{is_output} = 1 if $blocks[$n]{shown};
    }
    return @blocks;
}

# Runs a command and returns what it printed, both kinds in their order.
sub output_of
{
    my ($input, @command) = @_;
    my $output;

    IPC::Run::run(\@command, '<', \$input, '>', \$output, '2>&1', IPC::Run::timeout(120));
    return ($? == 0, $output);
}

# Folds a line that is too long for a page at a blank, and indents what follows.
sub fold_line
{
    my ($line) = @_;
    my @lines;

    push(@lines, $1) while length($line) > $columns && $line =~ s/^(.{0,$most}\S) (?=\S)/    /;
    return join("\n", @lines, $line);
}

sub fold
{
    my ($text) = @_;

    return join("\n", map { fold_line($_) } split(/\n/, $text, -1));
}

# Gives each block what was printed between its mark and the next.
sub share_output
{
    my ($output, @blocks) = @_;
    my (undef, @parts) = split(/^$mark\n/m, $output);

    for my $block (@blocks)
    {
        $block->{got} = fold((shift(@parts) // "nothing: it did not get as far") =~ s/[ \t]+$//mgr =~ s/\n+\z/\n/r);
    }
    return;
}

# Runs the SQL of a page.
sub run_sql
{
    my ($node, @blocks) = @_;
    my $script = join('', map { "\\echo $mark\n$_->{text}" } @blocks);
    local $ENV{PGTZ} = 'UTC';
    local $ENV{PGOPTIONS} = '-c lc_messages=C';

    my ($ended, $output) = output_of($script, 'psql', '-X', '-q', '-v', 'SHOW_CONTEXT=never', '-d', $node->connstr('goes'));
    share_output($output, @blocks);
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

# Compares what was got with what is shown.
sub compare
{
    my ($page, @blocks) = @_;

    for my $block (grep { defined($_->{got}) } @blocks)
    {
        my $name = "$page, line $block->{line}";
        if ($block->{shown})
        {
            is($block->{got}, $block->{shown}{text}, "$name: the output is as shown");
        }
        else
        {
            unlike($block->{got}, qr/^(ERROR|nothing): /m, "$name: runs");
        }
    }
    return;
}

# Writes a page with the output got in place of the output shown.
sub write_got
{
    my ($page, @blocks) = @_;
    my $text = slurp_file($page);

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
    return map { lc(s/[^\w -]//gr) =~ tr/ /-/r } slurp_file($page) =~ /^#+ (.*)$/mg;
}

# The form of the pages: what fits a terminal, and links that lead somewhere.
for my $page (@pages)
{
    my @wide = grep { length($_) > $columns } map { my $line = $_; utf8::decode($line); $line } split(/\n/, slurp_file($page));
    is("@wide", '', "$page: at most 100 columns");
    for my $link (slurp_file($page) =~ /\]\(([^):]*(?:\.md)?(?:#[\w-]+)?)\)/g)
    {
        my ($target, $anchor) = split(/#/, $link);
        my $path = $target eq '' ? $page : ($page =~ s{[^/]*\z}{}r) . $target;
        $path =~ s{^docs/\.\./}{};
        next if !grep { $_ eq $path } @pages;
        ok(!defined($anchor) || (grep { $_ eq $anchor } anchors_of($path)), "$page: the link $link leads somewhere");
    }
}
cmp_ok(scalar(split(/\n/, slurp_file('README.md'))), '<=', 150, 'README.md has at most 150 lines');

my $node = PostgreSQL::Test::Cluster->new('docs');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->start;
for my $page (@pages)
{
    my @blocks = blocks_of($page);
    my @sql = grep { $_->{tag} eq 'sql' } @blocks;
    my @c = grep { $_->{tag} eq 'c' } @blocks;

    is(join(' ', map { "$_->{tag}:$_->{line}" } grep { $_->{tag} !~ /^(sql|c|sh|go|signature)$/ && !$_->{is_output} } @blocks),
        '', "$page: every block has a tag that says what to do with it, and every output a block");
    $node->safe_psql('postgres', 'CREATE DATABASE goes');
    run_sql($node, @sql) if @sql;
    run_c($node, $page, @c) if @c && $libgoes;
    diag("$page: its C is not tried, since pkg-config knows no libgoes") if @c && !$libgoes;
    compare($page, @blocks);
    write_got($page, @blocks) if $ENV{DOCS_GOT};
    $node->safe_psql('postgres', 'DROP DATABASE goes WITH (FORCE)');
}

# docs/sql.md has every function and every argument.
$node->safe_psql('postgres', 'CREATE EXTENSION goes_store');
my $reference = slurp_file('docs/sql.md');
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
