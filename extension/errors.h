/*
 * errors.h
 *	  The SQLSTATEs of goes_store.
 *
 * Class VE is ours; PostgreSQL and the SQL standard use neither. What they have a
 * code for keeps that code: 22004 for a null where a value is needed, 22023 for a
 * value that cannot be used, 23505 for an id or a version that is taken, 42P01 for
 * a store that does not exist.
 */
#ifndef GOES_ERRORS_H
#define GOES_ERRORS_H

#include "utils/elog.h"

/* An aggregate is not at the version that a writer counted on; DETAIL is one JSON object. */
#define ERRCODE_GOES_VERSION_CONFLICT MAKE_SQLSTATE('V', 'E', '0', '0', '1')

/* The store is append-only. */
#define ERRCODE_GOES_APPEND_ONLY MAKE_SQLSTATE('V', 'E', '0', '0', '2')

/* Some events of an append are stored already, but not the whole of it, or not as sent. */
#define ERRCODE_GOES_REPEAT_MISMATCH MAKE_SQLSTATE('V', 'E', '0', '0', '3')

/* The table or one of its indexes does not fit; DETAIL holds the DDL that mends it. */
#define ERRCODE_GOES_SCHEMA_MISMATCH MAKE_SQLSTATE('V', 'E', '0', '0', '4')

/* The lease of a partition is lost: another worker has it, or had it. */
#define ERRCODE_GOES_LEASE_LOST MAKE_SQLSTATE('V', 'E', '0', '0', '5')

/* The feed was rewound: positions that readers have passed are drawn a second time. */
#define ERRCODE_GOES_FEED_REWOUND MAKE_SQLSTATE('V', 'E', '0', '0', '6')

#endif
