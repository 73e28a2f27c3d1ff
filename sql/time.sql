-- Times are nanoseconds since 1970.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT goes_time('1970-01-01 00:00:00+00'), goes_time('1969-12-31 23:59:59.999999+00'),
       goes_time('2026-11-22 12:00:00.123456+01'), goes_time(NULL);
SELECT goes_timestamp(0), goes_timestamp(1), goes_timestamp(999), goes_timestamp(1000),
       goes_timestamp(-1), goes_timestamp(-1000), goes_timestamp(-1001), goes_timestamp(NULL);
SELECT abs(goes_now() - goes_time(clock_timestamp())) < 60e9 AS is_now;

-- The whole range of bigint is a timestamp, but not the other way round.
SELECT goes_timestamp(9223372036854775807), goes_timestamp(-9223372036854775808);
SELECT goes_time('2262-04-11 23:47:16.854775+00'), goes_time('1677-09-21 00:12:43.145225+00');
SELECT goes_time('2262-04-11 23:47:16.854776+00');
\echo :SQLSTATE
SELECT goes_time('1677-09-21 00:12:43.145224+00');
\echo :SQLSTATE
SELECT goes_time('infinity');
\echo :SQLSTATE
SELECT goes_time('-infinity');
\echo :SQLSTATE
SELECT goes_time('294276-12-31 23:59:59.999999+00');
\echo :SQLSTATE
SELECT goes_time('4713-01-01 00:00:00+00 BC');
\echo :SQLSTATE

-- Back and forth, to the microsecond.
SELECT count(*) AS wrong
FROM generate_series(-100000, 100000) AS n, LATERAL (SELECT n * 86400123457::bigint * 1000 AS t) AS times
WHERE goes_time(goes_timestamp(t)) <> t OR goes_timestamp(t + 999) <> goes_timestamp(t);

-- Whether a rollback may follow, for functions that write where it would undo nothing.
SELECT goes_in_transaction_block();
BEGIN;
SELECT goes_in_transaction_block();
SAVEPOINT s;
SELECT goes_in_transaction_block();
ROLLBACK;
SELECT goes_in_transaction_block()\; SELECT goes_in_transaction_block();
DO $$
BEGIN
    RAISE NOTICE '%', goes_in_transaction_block();
    BEGIN
        RAISE NOTICE '%', goes_in_transaction_block();
    EXCEPTION WHEN division_by_zero THEN
        NULL;
    END;
END
$$;
