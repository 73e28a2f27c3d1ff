/*
 * dpkg.sql
 *    The log of Debian's package manager as a store of events.
 *
 * `make demo` runs this on a throwaway server. In a database of your own, if it has no
 * table "events" yet:
 *
 *    psql -X -q -f examples/dpkg.sql </var/log/dpkg.log
 */
\set ON_ERROR_STOP on
\pset footer off
\pset pager off

CREATE EXTENSION goes_store;

CREATE TEMP TABLE log (
    number bigint GENERATED ALWAYS AS IDENTITY,
    line   text
);

-- Each line is one value, whatever is in it: no log contains that delimiter or that quote.
\copy log (line) FROM pstdin WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02', ENCODING 'UTF8')

/*
 * dpkg(1) describes the lines under --log:
 *
 *    YYYY-MM-DD HH:MM:SS startup type command
 *    YYYY-MM-DD HH:MM:SS status state package version
 *    YYYY-MM-DD HH:MM:SS action package installed-version available-version
 *    YYYY-MM-DD HH:MM:SS conffile file decision
 *
 * A status says what became of a package: the event "package.unpacked", for example. An
 * action says what dpkg is about to do: "dpkg.upgrade". Lines of any other kind become
 * events that belong to no package.
 */
CREATE TEMP TABLE entry AS
SELECT
    row_number() OVER (ORDER BY number) AS number,
    line,
    (word[1] || ' ' || word[2])::timestamptz AS time,
    CASE kind
        WHEN 'status' THEN 'package.' || word[4]
        ELSE 'dpkg.' || word[3]
    END AS name,
    CASE kind
        WHEN 'status' THEN word[5]
        WHEN 'action' THEN word[4]
    END AS package,
    CASE kind
        WHEN 'status' THEN jsonb_build_object(
            'package', word[5],
            'version', word[6]
        )
        WHEN 'action' THEN jsonb_build_object(
            'package',   word[4],
            'installed', word[5],
            'available', word[6]
        )
        ELSE jsonb_build_object(
            'text', array_to_string(word[4:], ' ', '<none>')
        )
    END AS data
FROM
    log,
    string_to_array(line, ' ', '<none>') AS word,
    LATERAL (
        SELECT
            CASE
                WHEN cardinality(word) <> 6
                    THEN 'other'
                WHEN word[3] = 'status' AND word[4] ~ '^[a-z-]{1,64}$'
                    THEN 'status'
                WHEN word[3] IN ('install', 'upgrade', 'configure', 'trigproc',
                                 'disappear', 'remove', 'purge')
                    THEN 'action'
                ELSE 'other'
            END AS kind
    ) AS form
WHERE line ~ '^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [a-z-]{1,64} .';

/*
 * The id of an aggregate is a UUID, but a package has only a name. An id derived from the
 * name needs no table to remember it, and is the same whoever computes it.
 */
CREATE TEMP TABLE batch AS
SELECT
    (number - 1) / 1000 AS number,
    array_agg(event ORDER BY number) AS events
FROM (
    SELECT
        number,
        goes_new_event(
            name              => name,
            data              => jsonb_strip_nulls(data),
            aggregate_name    => CASE WHEN package IS NOT NULL THEN 'package' END,
            aggregate_id      => md5(package)::uuid,
            aggregate_version => CASE WHEN package IS NOT NULL THEN version::integer END,
            "time"            => goes_time(time)
        ) AS event
    FROM (
        SELECT
            *,
            row_number() OVER (PARTITION BY package ORDER BY number) AS version
        FROM entry
    ) AS numbered
    ORDER BY number
) AS made
GROUP BY (number - 1) / 1000;

SELECT
    to_char(count(*), 'FM999,999,999') AS lines,
    to_char(count(*) - (SELECT count(*) FROM entry), 'FM999,999,990') AS skipped,
    count(*) > (SELECT count(*) FROM entry) AS has_skipped,
    (SELECT min(time)::date FROM entry) AS first_day,
    (SELECT max(time)::date FROM entry) AS last_day
FROM log
\gset

\echo
\echo '1. What was read'
\echo '----------------'
\echo
\echo :lines 'lines, from' :first_day 'to' :last_day'.'
\if :has_skipped
    \echo 'Left out, because their form is unknown:' :skipped
\endif
\echo
\echo 'Each line becomes an event: something that happened, with a name, a time and some data.'
\echo 'All that happens to one package is its history, in which the events are numbered 1, 2, 3'
\echo 'and so on. goes_store calls the package an aggregate, and the number a version.'

\echo
\echo '2. Storing the events'
\echo '---------------------'
\echo
\set ECHO queries
SELECT goes_create_store();
\set ECHO none

SELECT clock_timestamp() AS started
\gset
DO $$
DECLARE
    thousand goes_event[];
BEGIN
    FOR thousand IN
        SELECT events
        FROM batch
        ORDER BY number
    LOOP
        PERFORM goes_insert_batch(thousand);
        COMMIT;
    END LOOP;
END
$$;
SELECT extract(epoch FROM clock_timestamp() - :'started') AS seconds
\gset

SELECT
    to_char(count(*), 'FM999,999,999') AS events,
    to_char(count(DISTINCT aggregate_id), 'FM999,999,999') AS packages,
    (
        SELECT
            to_char(count(*), 'FM999,999,999')
            || CASE count(*) WHEN 1 THEN ' batch' ELSE ' batches' END
        FROM batch
    ) AS batches,
    to_char(count(*) / :seconds, 'FM999,999,999') AS rate
FROM events
\gset

-- The package with the most kinds of events; of several, the one with the shortest history.
SELECT
    data ->> 'package' AS package,
    aggregate_id AS package_id
FROM events
WHERE aggregate_name = 'package'
GROUP BY aggregate_id, data ->> 'package'
ORDER BY count(DISTINCT name) DESC, count(*), package
LIMIT 1
\gset

SELECT
    goes_aggregate_version('package', :'package_id') AS version,
    (
        SELECT id
        FROM goes_query(aggregate_ids => ARRAY[:'package_id'::uuid], version_max => 1)
    ) AS first_id,
    (
        SELECT line
        FROM entry
        WHERE package = :'package'
        ORDER BY number
        LIMIT 1
    ) AS first_line
\gset

\echo 'This is the table of the events. goes_insert_batch(events) stores 1,000 of them at once,'
\echo 'all or nothing:'
\echo
\echo '   ' :events events of :packages packages 'in' :batches':' :rate events a second
\echo
\echo 'One of them, which was the line'
\echo
\echo '   ' :first_line
\echo
\set ECHO queries
\pset expanded on
SELECT *
FROM goes_find(:'first_id');
\pset expanded off
\set ECHO none

\echo '3. The history of one package'
\echo '-----------------------------'
\echo
\echo 'No package has seen more kinds of events than' :package'. dpkg.* is what dpkg'
\echo 'set out to do, package.* is what became of the package. The first of its' :version 'events:'
\echo
\set ECHO queries
SELECT
    aggregate_version AS version,
    goes_timestamp("time") AS time,
    name,
    data - 'package' AS data
FROM goes_query(
    aggregates => ARRAY[ROW('package', :'package_id')::goes_aggregate_ref],
    sort       => '{aggregate_version}',
    max_events => 15
);
\set ECHO none

\echo '4. The busiest packages'
\echo '-----------------------'
\echo
\echo 'The table is an ordinary one: what goes_query does not answer, SQL does.'
\echo
\set ECHO queries
SELECT
    data ->> 'package' AS package,
    count(*) AS events,
    goes_timestamp(max("time")) AS last_event
FROM events
WHERE aggregate_name = 'package'
GROUP BY data ->> 'package'
ORDER BY events DESC, package
LIMIT 10;

SELECT
    goes_count(names => '{dpkg.install}') AS installations,
    goes_count(names => '{dpkg.upgrade}') AS upgrades,
    goes_count(names => '{dpkg.remove}') AS removals;
\set ECHO none

/*
 * Runs a statement that must fail for a version that is taken, and tells how it failed. If it
 * does not, or fails for another reason, that is an error like any other.
 */
CREATE FUNCTION pg_temp.refusal(
    statement   text,
    OUT message text,
    OUT detail  text
)
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION 'the stale write was not refused';
EXCEPTION
    WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS
            message = MESSAGE_TEXT,
            detail = PG_EXCEPTION_DETAIL;
END
$$;

SELECT format($$SELECT goes_insert_batch(ARRAY[
    goes_new_event(
        name              => 'package.held',
        aggregate_name    => 'package',
        aggregate_id      => %L,
        aggregate_version => %s
    )
]);$$, :'package_id', :version) AS stale_write
\gset
SELECT *
FROM pg_temp.refusal(:'stale_write')
\gset

\echo '5. A stale write is refused'
\echo '---------------------------'
\echo
\echo The history of :package 'is at version' :version'. A program that read it one event'
\echo ago does not know that, and writes what it takes for the next version:
\echo
\echo :stale_write
\echo
\echo 'ERROR: ' :message
\echo 'DETAIL: ' :detail
\echo
\echo 'So nobody decides on old news: the program has to read again. Nothing of its batch'
\echo 'was stored:'
\echo
\set ECHO queries
SELECT
    goes_aggregate_version('package', :'package_id') AS version,
    goes_count(names => '{package.held}') AS stored;
\set ECHO none

\echo '6. Where to go from here'
\echo '------------------------'
\echo
\echo 'README.md           what goes_store can do, function by function'
\echo 'examples/dpkg.sql   what you have just seen'
\echo 'make test           every test, on throwaway servers as well'
\echo
\echo 'goes_store is installed now. In a database of your own:'
\echo
\echo 'CREATE EXTENSION goes_store;'
\echo 'SELECT goes_create_store();'
