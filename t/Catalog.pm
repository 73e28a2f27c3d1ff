# What an extension has put into the catalog, as text that can be compared, and a server whose SQL files a test may
# add to.

package Catalog;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use File::Path qw(make_path);
use PostgreSQL::Test::Utils;

our @EXPORT = qw(private_server catalog_of difference symbols_of changed_symbols);

# Makes a copy of the server's programs, with links to all else, and returns its folder and that of its extensions.
# A server looks for its files by where its program is.
sub private_server
{
    my $folder = PostgreSQL::Test::Utils::tempdir();
    my ($bin, $share, $libraries) = map { (run_command([ 'pg_config', "--$_" ]))[0] } qw(bindir sharedir pkglibdir);
    make_path(dirname("$folder$bin"), dirname("$folder$libraries"), "$folder$share/extension");
    system_or_bail('cp', '-r', $bin, "$folder$bin");
    symlink($libraries, "$folder$libraries") unless -e "$folder$libraries";
    for my $file (glob("$share/*"), glob("$share/extension/*"))
    {
        my $link = "$folder$file";
        symlink($file, $link) unless -e $link;
    }
    return (dirname("$folder$bin"), "$folder$share/extension");
}

# Everything that belongs to the extension, a line for each: what it is, its properties, comment and grants; then
# what each depends on.
sub catalog_of
{
    my ($node, $database) = @_;
    return $node->safe_psql($database, q{
        WITH members AS (
            SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS name
            FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
            WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'goes_store')
        SELECT replace(concat_ws(' ', m.name, 'owner', coalesce(f.proowner, t.typowner)::regrole,
                   pg_get_functiondef(f.oid), f.prosrc, f.probin, 'types', f.proallargtypes::regtype[],
                   (SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attcollation::regcollation), ', ' ORDER BY attnum)
                    FROM pg_attribute AS a WHERE a.attrelid = t.typrelid AND a.attnum > 0),
                   'acl', grants.now, 'at first', grants.at_first, 'comment', obj_description(m.objid, m.classid::regclass::name)),
                   E'\n', ' ')
        FROM members AS m
        LEFT JOIN pg_proc AS f ON m.classid = 'pg_proc'::regclass AND f.oid = m.objid
        LEFT JOIN pg_type AS t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
        LEFT JOIN pg_init_privs AS i ON i.classoid = m.classid AND i.objoid = m.objid
        -- no list of grants stands for those that everything has at first
        CROSS JOIN LATERAL (VALUES (acldefault(CASE WHEN f.oid IS NULL THEN 'T' ELSE 'f' END::"char", coalesce(f.proowner, t.typowner))))
            AS usual (grants)
        CROSS JOIN LATERAL (
            SELECT (SELECT string_agg(g::text, ',' ORDER BY g::text) FROM unnest(coalesce(f.proacl, t.typacl, usual.grants)) AS g) AS now,
                   (SELECT string_agg(g::text, ',' ORDER BY g::text) FROM unnest(coalesce(i.initprivs, usual.grants)) AS g) AS at_first) AS grants
        UNION ALL
        SELECT concat_ws(' ', m.name, 'depends on', pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid), d.deptype)
        FROM members AS m JOIN pg_depend AS d USING (classid, objid)
        UNION ALL
        SELECT concat_ws(' ', 'extension', extversion, extrelocatable, extnamespace::regnamespace, extconfig::text, extcondition::text)
        FROM pg_extension WHERE extname = 'goes_store'
        ORDER BY 1});
}

# The lines that only one has: "-" those of the first, "+" those of the second.
sub difference
{
    my ($first, $second) = @_;
    my %in_first  = map { $_ => 1 } split(/\n/, $first);
    my %in_second = map { $_ => 1 } split(/\n/, $second);
    return join("\n", (map { "-$_" } grep { !$in_second{$_} } sort keys %in_first), map { "+$_" } grep { !$in_first{$_} } sort keys %in_second);
}

# The C functions that the SQL calls, and what each is called with and returns.
sub symbols_of
{
    my ($node, $database) = @_;
    my %symbols = map { split(/\|/, $_, 2) } split(/\n/, $node->safe_psql($database, q{
        SELECT f.prosrc, concat_ws(' ', coalesce(f.proallargtypes, f.proargtypes::oid[])::regtype[], f.proargmodes::text,
                                   'returns', f.prorettype::regtype, f.proretset, f.proisstrict)
        FROM pg_proc AS f JOIN pg_language AS l ON l.oid = f.prolang
        WHERE l.lanname = 'c' AND f.probin LIKE '%goes_store'}));
    return \%symbols;
}

# Those that are called in two ways.
sub changed_symbols
{
    my ($first, $second) = @_;
    return join("\n", map { "$_ ($first->{$_}; $second->{$_})" }
          grep { defined($second->{$_}) && $second->{$_} ne $first->{$_} } sort keys %$first);
}

1;
