/*
 * packed_page.h
 *	  A page of the feed as a few values with many events each.
 */
#ifndef GOES_PACKED_PAGE_H
#define GOES_PACKED_PAGE_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

#include "feed/mark.h"

#pragma GCC visibility push(hidden)

typedef struct PackedPage
{
	PageRows	   rows; /* must be first */
	List		  *values;
	StringInfoData bytes;  /* the value that is being made */
	MemoryContext  memory; /* of the values */
	MemoryContext  event;  /* of what is needed for one event only */
} PackedPage;

extern PackedPage *start_packed_page(MemoryContext until);

#pragma GCC visibility pop

#endif
