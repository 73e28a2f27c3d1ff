/*
 * writer_list.c
 *	  goes_feed_writers: who holds the feed back?
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "feed/mark.h"
#include "read/read.h"

PG_FUNCTION_INFO_V1(goes_feed_writers);

/*
 * Who they are. A prepared transaction has no process, and shows its transaction id only as a
 * lock. One that has ended meanwhile is nobody any more.
 */
#define WHO                                                                                      \
	"SELECT l.pid, p.gid, w.low, coalesce(a.xact_start, p.prepared), "                           \
	"CASE WHEN l.pid IS NULL THEN 'prepared' ELSE a.state END "                                  \
	"FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS w (transaction, low) "     \
	"LEFT JOIN (SELECT virtualtransaction, pg_catalog.max(pid) AS pid FROM pg_catalog.pg_locks " \
	"GROUP BY 1) AS l ON l.virtualtransaction OPERATOR(pg_catalog.=) w.transaction "             \
	"LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON p.transaction OPERATOR(pg_catalog.=) ANY "   \
	"(ARRAY(SELECT transactionid FROM pg_catalog.pg_locks "                                      \
	"WHERE virtualtransaction OPERATOR(pg_catalog.=) w.transaction "                             \
	"AND mode OPERATOR(pg_catalog.=) 'ExclusiveLock' AND transactionid IS NOT NULL)) "           \
	"LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid OPERATOR(pg_catalog.=) l.pid "          \
	"WHERE l.pid IS NOT NULL OR p.gid IS NOT NULL ORDER BY 3, 4"

/*
 * transaction_name returns a transaction as pg_locks shows it.
 */
static Datum
transaction_name(VirtualTransactionId transaction)
{
	return CStringGetTextDatum(
		psprintf("%d/%u", transaction_slot(transaction), transaction.localTransactionId));
}

/*
 * writers_query returns the query that tells who some writers are.
 */
static Statement
writers_query(const Writer *writers, int count)
{
	Datum	  *names = palloc(sizeof(Datum) * Max(count, 1));
	Datum	  *lows = palloc(sizeof(Datum) * Max(count, 1));
	Parameter *parameters = palloc(sizeof(Parameter) * 2);

	for (int i = 0; i < count; i++)
	{
		names[i] = transaction_name(writers[i].transaction);
		lows[i] = Int64GetDatum(writers[i].low);
	}
	parameters[0].type = TEXTARRAYOID;
	parameters[0].value =
		PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
	parameters[1].type = INT8ARRAYOID;
	parameters[1].value = PointerGetDatum(
		construct_array(lows, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	return (Statement){.text = WHO, .parameters = parameters, .parameter_count = 2};
}

/*
 * goes_feed_writers lists the transactions that hold the feed back.
 */
Datum
goes_feed_writers(PG_FUNCTION_ARGS)
{
	Feed		 *feed;
	const Writer *writers;
	int			  count;
	Statement	  query;

	PreventCommandDuringRecovery("goes_feed_writers()");
	reject_fixed_snapshot();
	start_result(fcinfo, &writer_row);
	feed = feed_open(fcinfo, 0);
	(void) feed_settled(feed, 0);
	writers = known_writers(feed, &count);
	query = writers_query(writers, count);
	feed_close(feed);
	if (count > 0)
		add_rows(fcinfo, NULL, &query);
	return (Datum) 0;
}
