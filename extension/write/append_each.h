/*
 * append_each.h
 *	  The items of goes_append_each, for append_each.c and the rooms below it.
 */
#ifndef GOES_APPEND_EACH_H
#define GOES_APPEND_EACH_H

#include "write/append.h"

#pragma GCC visibility push(hidden)

typedef struct AppendItem
{
	AppendCall append;
	int		   number;	   /* among the items of the call, from 1 */
	uint32	   lock;	   /* the number of its aggregate's */
	int32	   base;	   /* the version before its events, if it is stored with others */
	bool	   is_settled; /* is its outcome known? */
	int32	   last;	   /* the last version, if there is no error */
	ErrorData *error;
} AppendItem;

/* Some items that belong together. */
typedef struct AppendItems
{
	AppendItem **items;
	int			 count;
} AppendItems;

/*
 * append_item.c
 *
 * The items of an array, in its order. The outcome of an item that cannot be read is known.
 */
extern AppendItems read_items(ArrayType *array, Store *store);

/*
 * append_outcome.c
 *
 * Does some work in an attempt and returns false if it was undone. An error that the item, and not
 * the call, has to answer for is then in *error.
 */
extern bool attempt_item(bool (*work)(void *state), void *state, ErrorData **error);
extern void settle(AppendItem *item, int32 last, ErrorData *error);
extern void return_outcomes(FunctionCallInfo fcinfo, const AppendItems *all);

#pragma GCC visibility pop

#endif
