/*
 * standby.h
 *	  Reading on standbys what was written on their primary.
 */
#ifndef GOES_STANDBY_H
#define GOES_STANDBY_H

#include "access/xlogdefs.h"

#include "base/base.h"

#pragma GCC visibility push(hidden)

/* A place in the WAL of a system, which has everything that was committed before. */
typedef struct Token
{
	uint64	   system; /* the identifier that a primary and its standbys share */
	TimeLineID timeline;
	XLogRecPtr lsn;
} Token;

/* token.c: tokens as text */
extern text *token_text(const Token *token);
extern Token token_argument(FunctionCallInfo fcinfo, int number);

#pragma GCC visibility pop

#endif
