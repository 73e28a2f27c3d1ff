/*
 * tally.c
 *    What a store counts, and tells the program's log: what it does by itself to get a call through,
 *    which no status shows.
 */
#include <stdarg.h>
#include <stdio.h>

#include "store/tally.h"
#include "store/tx_state.h"

#define LONGEST_LINE 1024

void
tell_log(const goes_store *store, goes_log_level level, const char *format, ...)
{
	char	line[LONGEST_LINE];
	va_list arguments;

	if (store->log == NULL)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	/* what libpq says may have several lines */
	for (char *byte = line; *byte != '\0'; byte++)
		if (*byte == '\n' || *byte == '\t')
			*byte = ' ';
	store->log(level, line, store->log_user);
}

void
count_error(goes_store *store, int status)
{
	Tally *tally = &outer_store(store)->tally;

	if (status >= GOES_OK || status == GOES_ERR_NOT_FOUND)
		return;
	atomic_fetch_add(&tally->errors, 1);
	if (status != GOES_ERR_IN_DOUBT)
		return;
	atomic_fetch_add(&tally->in_doubt, 1);
	tell_log(outer_store(store), GOES_LOG_WARNING, "the outcome of a call is in doubt");
}

int
count_call(goes_store *store, int status)
{
	atomic_fetch_add(&outer_store(store)->tally.calls, 1);
	count_error(store, status);
	return status;
}

void
count_retry(goes_store *store, const goes_error *cause)
{
	atomic_fetch_add(&outer_store(store)->tally.retries, 1);
	tell_log(outer_store(store), GOES_LOG_INFO, "trying again after: %s",
			 goes_error_message(cause));
}

void
count_reconnect(goes_store *store, const goes_error *cause)
{
	atomic_fetch_add(&outer_store(store)->tally.reconnects, 1);
	if (cause == NULL)
		tell_log(outer_store(store), GOES_LOG_INFO, "connected again");
	else
		tell_log(outer_store(store), GOES_LOG_WARNING, "connecting again after: %s",
				 goes_error_message(cause));
}

int
goes_store_stats(goes_store *store, goes_store_statistics *out)
{
	goes_pool_statistics  pool = {.size = sizeof pool};
	goes_store_statistics known = {0};
	size_t				  size;
	Tally				 *tally;

	if (store == NULL || out == NULL || out->size == 0)
		return GOES_ERR_INVALID;
	if (check_owner(store, NULL) != GOES_OK)
		return GOES_ERR_STATE;
	tally = &outer_store(store)->tally;
	(void) goes_pool_stats(store->pool, &pool);
	known.calls = atomic_load(&tally->calls);
	known.errors = atomic_load(&tally->errors);
	known.retries = atomic_load(&tally->retries);
	known.reconnects = atomic_load(&tally->reconnects);
	known.pool_waits = pool.waits;
	known.in_doubt = atomic_load(&tally->in_doubt);
	known.standby_reads = atomic_load(&tally->standby_reads);
	known.standby_waits = atomic_load(&tally->standby_waits);
	known.standby_behind = atomic_load(&tally->standby_behind);
	known.standby_failures = atomic_load(&tally->standby_failures);
	size = known.size = out->size;
	memcpy(out, &known, size < sizeof known ? size : sizeof known);
	return GOES_OK;
}
