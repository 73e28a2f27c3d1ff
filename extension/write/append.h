/*
 * append.h
 *	  An append under way, for append.c and the rooms below it.
 */
#ifndef GOES_APPEND_H
#define GOES_APPEND_H

#include "version/version.h"
#include "write/write.h"

#pragma GCC visibility push(hidden)

typedef struct AppendCall
{
	const char *function; /* that was called */
	Store	   *store;
	Aggregate	aggregate;
	int			expected;
	ArrayType  *events;
	Datum	   *elements; /* of the array */
	int			count;
	Datum		first[EVENT_COLUMNS]; /* the fields of the first event */
	bool		has_versions;		  /* do some of the events have versions of their own? */
	int64		base;				  /* those begin after this one */
	bool		is_locked;			  /* do other appends to the aggregate wait? */
} AppendCall;

/* What an append can expect, beside a version. */
#define EXPECT_ANY (-2)
#define EXPECT_EXISTS (-1)
#define EXPECT_NONE 0

/* append_call.c: what an append is asked to do */
extern AppendCall read_append(FunctionCallInfo fcinfo, const char *function);
extern void		  take_events(AppendCall *append, ArrayType *events);
extern void		  prepare_append(AppendCall *append);
extern void		  require_append(const Store *store, const char *function, bool has_events);

/* append.c: an append to an opened store */
extern bool	 is_expected(const AppendCall *append, const Version *current);
extern bool	 versions_fit(const AppendCall *append, int32 current);
extern int32 append_events(AppendCall *append);

/* The columns of the events in $1, and the place of each event, from 1. */
#define PLACED_COLUMNS "(" EVENT_LIST ", place) "

/* append_insert.c: the statements that store the events */
enum
{
	AGGREGATE_PARAMETERS = 3, /* of a statement that asks for no version */
	APPEND_PARAMETERS
};

extern void	  append_parameters(const AppendCall *append, ArrayType *events, int64 base,
								Parameter *parameters);
extern uint64 store_or_skip(const AppendCall *append, int32 base);
extern uint64 store_or_fail(const AppendCall *append, int first, int count, int64 base);

/*
 * append_repeat.c
 *
 * Are the events of an append stored already? If so, *last is the version of the last one.
 * VE003 is raised if only some are stored, or if one of their ids belongs to a different event.
 */
extern bool is_repeat(const AppendCall *append, int32 *last);

/* Raises VE003 for an event whose id is taken, although the id of the first event was not. */
pg_noreturn extern void report_taken_id(const AppendCall *append, int64 place);

#pragma GCC visibility pop

#endif
