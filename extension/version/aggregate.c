/*
 * aggregate.c
 *	  An aggregate: which one it is, and the lock of those who write its next version.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "version/version.h"

/*
 * aggregate_argument reads an aggregate that is to be written to from two arguments: its name,
 * and after that its id.
 */
Aggregate
aggregate_argument(FunctionCallInfo fcinfo, int number)
{
	const char *hint = "Events without an aggregate go through goes_insert_batch().";

	return (Aggregate){name_argument(fcinfo, number, "aggregate_name", hint),
					   id_argument(fcinfo, number + 1, "aggregate_id", hint)};
}

/*
 * describe_aggregate names an aggregate in a message.
 */
char *
describe_aggregate(const Aggregate *aggregate)
{
	return psprintf("\"%s\" %s", TextDatumGetCString(aggregate->name),
					DatumGetCString(DirectFunctionCall1(uuid_out, aggregate->id)));
}

/*
 * aggregate_lock returns the number of an aggregate's lock. It uses all 32 bits, because
 * transactions that write to different aggregates with the same number can deadlock.
 */
uint32
aggregate_lock(const Aggregate *aggregate)
{
	text  *name = DatumGetTextPP(aggregate->name);
	uint32 hash = hash_bytes((unsigned char *) VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));

	return hash_combine(hash, hash_bytes(DatumGetUUIDP(aggregate->id)->data, UUID_LEN));
}
