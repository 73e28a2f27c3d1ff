# The pages of the documentation, taken apart, and what their SQL prints. It asks for nothing of a server's
# development files, so debian/tests/readme runs it, too.

package Docs;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Temp;
use IPC::Run;
use Test::More;

our @EXPORT = qw(slurp blocks_of output_of share_output run_in_session compare $columns $mark $python);

our $columns = 100;
our $mark = '---- the output of block';
# the one in PATH may be another than the one that the driver was installed for
our ($python) = grep { system("$_ -c 'import psycopg2' 2>/dev/null") == 0 } qw(python3 /usr/bin/python3);
my $most = $columns - 1;
my $folder = File::Temp->newdir;

sub slurp
{
    my ($path) = @_;
    local $/ = undef;
    open(my $file, '<', $path) or die "$path: $!";
    return scalar(<$file>);
}

# Takes a page apart: its blocks, each with tag, text and first line.
sub blocks_of
{
    my ($page) = @_;
    my (@blocks, $block);
    my $number = 0;

    for my $line (split(/\n/, slurp($page)))
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
        elsif ($line =~ /^```(\w*)(?: (\S+))?$/)
        {
            $block = { tag => $1, file => $2, text => '', line => $number + 1 };
        }
    }
    is($block, undef, "$page: every block ends");
    for my $n (0 .. $#blocks)
    {
        my $next = $blocks[ $n + 1 ];
        $blocks[$n]{shown} = $next if $blocks[$n]{tag} =~ /^(sql|c|python)$/ && $next && $next->{tag} eq 'text';
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

# What psql is to do with a block: run it, or have Python run it.
sub psql_input
{
    my ($block) = @_;
    my $path = $folder . "/line_$block->{line}.py";

    return $block->{text} if $block->{tag} eq 'sql';
    open(my $file, '>', $path) or die "$path: $!";
    print $file $block->{text};
    close($file);
    return "\\! $python $path\n";
}

# Runs the SQL and the Python of a page, on the server that libpq's variables name.
sub run_in_session
{
    my (@blocks) = @_;
    my $script = join('', map { "\\echo $mark\n" . psql_input($_) } @blocks);
    local $ENV{PGTZ} = 'UTC';
    local $ENV{PGOPTIONS} = '-c lc_messages=C';

    my ($ended, $output) = output_of($script, 'psql', '-X', '-q', '-v', 'SHOW_CONTEXT=never', '-d', 'goes');
    share_output($output, @blocks);
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
            unlike($block->{got}, qr/^(ERROR|Traceback|nothing)\b/m, "$name: runs");
        }
    }
    return;
}

1;
