/*
 * bounds_insert.c
 *	  Prepared statements with binary parameters, and the INSERT of a goes application, which has
 *	  them, too.
 */
#include <stdio.h>
#include <string.h>

#include "bounds.h"

#define EVENT_NAME "shop.order.item_added"

#define BARE_INSERT                                                                               \
	"INSERT INTO %s (id, name, \"time\", aggregate_id, aggregate_name, aggregate_version, data) " \
	"VALUES ($1, $2, $3, $4, $5, $6, $7)"

enum
{
	EVENT_COLUMNS = 7
};

/*
 * big_endian writes a number as the wire has it.
 */
const char *
big_endian(char *bytes, int size, uint64_t number)
{
	for (int i = size - 1; i >= 0; i--)
	{
		bytes[i] = (char) (number & 0xff);
		number >>= 8;
	}
	return bytes;
}

/*
 * time_prepared runs a prepared statement with binary parameters and returns how long
 * that took.
 */
double
time_prepared(PGconn *connection, const char *statement, int count, const char *const *values,
			  const int *lengths, ExecStatusType expected)
{
	static const int formats[] = {1, 1, 1, 1, 1, 1, 1};
	double			 start = seconds_now();

	check_result(connection,
				 PQexecPrepared(connection, statement, count, values, lengths, formats, 1),
				 expected);
	return seconds_now() - start;
}

/*
 * time_bare stores an event with a bare INSERT.
 */
double
time_bare(PGconn *connection, const char *statement, const Event *event)
{
	char		time[8];
	char		version[4];
	char		data[1 + sizeof(event->data)];
	const char *values[EVENT_COLUMNS] = {
		(const char *) event->id,
		EVENT_NAME,
		big_endian(time, 8, (uint64_t) event->time),
		(const char *) event->aggregate_id,
		AGGREGATE_NAME,
		big_endian(version, 4, (uint64_t) event->aggregate_version),
		data};
	int lengths[EVENT_COLUMNS] = {
		UUID_LENGTH, (int) strlen(EVENT_NAME),	   8, UUID_LENGTH, (int) strlen(AGGREGATE_NAME),
		4,			 1 + (int) strlen(event->data)};

	data[0] = 1; /* version of jsonb's binary form */
	memcpy(data + 1, event->data, strlen(event->data));
	return time_prepared(connection, statement, EVENT_COLUMNS, values, lengths, PGRES_COMMAND_OK);
}

/*
 * prepare_bare prepares a bare INSERT into a table.
 */
void
prepare_bare(PGconn *connection, const char *name, const char *table)
{
	static const Oid types[EVENT_COLUMNS] = {UUID_OID, TEXT_OID, INT8_OID, UUID_OID,
											 TEXT_OID, INT4_OID, JSONB_OID};
	char			 text[512];

	snprintf(text, sizeof(text), BARE_INSERT, table);
	prepare(connection, name, text, EVENT_COLUMNS, types);
}
