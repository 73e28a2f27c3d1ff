/*
 * writer.c
 *    Accepting appends, and giving out what became of them.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "writer/writer.h"

#define DEFAULT_PENDING 5000
#define DEFAULT_CONNECTIONS 2

void
goes_writer_options_init(goes_writer_options *options, size_t size)
{
	memset(options, 0, size);
	options->size = size;
}

/*
 * check_writer fails if this process must not use the writer.
 */
static int
check_writer(const goes_writer *writer, goes_error **err)
{
	if (writer == NULL)
		return fail(err, GOES_ERR_INVALID, "the writer must not be NULL");
	return check_owner(writer->store, err);
}

/*
 * check_store fails for a store that no writer can write to.
 */
static int
check_store(const goes_store *store, goes_error **err)
{
	if (store->tx != NULL)
		return fail(err, GOES_ERR_STATE, "a writer cannot write inside a transaction");
	if (store->hooks[GOES_PRE_INSERT] != NULL || store->hooks[GOES_POST_INSERT] != NULL)
		return fail(err, GOES_ERR_STATE,
					"the store has hooks, which need a transaction for each append: open the "
					"writer on a store without hooks");
	return check_owner(store, err);
}

/*
 * check_options fails for options that cannot be used.
 */
static int
check_options(const goes_writer_options *options, goes_error **err)
{
	if (options->max_pending < 0 || options->connections < 0 || options->connections > MOST_THREADS)
		return fail(err, GOES_ERR_INVALID,
					"max_pending and connections must not be below 0, and connections must not "
					"be above %d",
					MOST_THREADS);
	return GOES_OK;
}

/*
 * close_descriptors lets go of what the kernel has for a writer.
 */
static void
close_descriptors(goes_writer *writer)
{
	goes_cancel_free(writer->closing);
	if (writer->readable >= 0)
		close(writer->readable);
}

/*
 * make_writer makes a writer without threads.
 */
static int
make_writer(goes_writer **out, goes_store *store, const goes_writer_options *options,
			goes_error **err)
{
	goes_writer *writer = calloc(1, sizeof *writer);

	if (writer == NULL || lock_init(&writer->lock, &writer->settled) != GOES_OK)
	{
		free(writer);
		return fail_memory(err);
	}
	queue_init(&writer->waiting);
	writer->outcomes_end = &writer->outcomes;
	writer->most = options->max_pending == 0 ? DEFAULT_PENDING : options->max_pending;
	writer->no_wait = options->no_wait;
	writer->timeout_ms =
		options->timeout_ms == 0 ? store->operation_timeout_ms : options->timeout_ms;
	writer->store = store;
	writer->closing = goes_cancel_new();
	writer->readable = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (writer->closing == NULL || writer->readable < 0 || condition_init(&writer->work) != GOES_OK)
	{
		close_descriptors(writer);
		pthread_cond_destroy(&writer->settled);
		pthread_mutex_destroy(&writer->lock);
		free(writer);
		return fail_memory(err);
	}
	store_hold(store);
	*out = writer;
	return GOES_OK;
}

/*
 * free_writer frees a writer without threads, whose outcomes are given out.
 */
static void
free_writer(goes_writer *writer)
{
	accepted_free(writer->given);
	close_descriptors(writer);
	pthread_cond_destroy(&writer->work);
	pthread_cond_destroy(&writer->settled);
	pthread_mutex_destroy(&writer->lock);
	store_release(writer->store);
	free(writer);
}

int
goes_writer_open(goes_writer **out, goes_store *store, const goes_writer_options *options,
				 goes_error **err)
{
	goes_writer_options known = {.size = sizeof known};
	goes_writer		   *writer = NULL;
	int					status;

	if (out == NULL || store == NULL || (options != NULL && options->size == 0))
		return fail(err, GOES_ERR_INVALID,
					"out and store must not be NULL, and options->size must not be 0");
	if (options != NULL)
		memcpy(&known, options, options->size < sizeof known ? options->size : sizeof known);
	status = check_options(&known, err);
	if (status == GOES_OK)
		status = check_store(store, err);
	if (status == GOES_OK)
		status = make_writer(&writer, store, &known, err);
	if (status != GOES_OK)
		return status;
	status =
		writer_start(writer, known.connections == 0 ? DEFAULT_CONNECTIONS : known.connections, err);
	if (status == GOES_OK)
		*out = writer;
	else
		free_writer(writer);
	return status;
}

/*
 * await_room waits until another append can be accepted, if that was asked for.
 */
static int
await_room(goes_writer *writer, const Deadline *deadline, goes_error **err)
{
	while (writer->pending >= writer->most)
	{
		int status = deadline_check(deadline, err);

		if (status == GOES_OK && writer->no_wait)
			status = fail(err, GOES_ERR_STATE,
						  "%d appends have no outcome yet: take outcomes, and append again",
						  writer->most);
		if (status != GOES_OK)
			return status;
		lock_wait(&writer->lock, &writer->settled, deadline);
	}
	return GOES_OK;
}

/*
 * put puts an append into the queue, or frees it.
 */
static int
put(goes_writer *writer, Accepted *accepted, const Deadline *deadline, goes_error **err)
{
	Queued *queued = &accepted->appending.queued;
	int		status;

	pthread_mutex_lock(&writer->lock);
	status = await_room(writer, deadline, err);
	if (status == GOES_OK)
	{
		accepted->deadline = deadline_in(writer->timeout_ms, NULL);
		queue_put(&writer->waiting, queued);
		writer->pending++;
		if (writer->waiting.taker[queued->lane] == 0)
			pthread_cond_signal(&writer->work);
	}
	pthread_mutex_unlock(&writer->lock);
	if (status != GOES_OK)
		accepted_free(accepted);
	return status;
}

/*
 * copy_append checks an append and copies it.
 */
static int
copy_append(Accepted **out, Write *write, const goes_event *events, goes_error **err)
{
	VersionText text;
	int			status = append_prepare(write, text, events, err);

	if (status == GOES_OK)
		status = require_events(write->events, write->n, err);
	if (status == GOES_OK)
	{
		*out = (Accepted *) appending_copy(write, sizeof **out);
		if (*out == NULL)
			status = fail_memory(err);
	}
	free(write->to_number);
	return status;
}

int
goes_writer_append(goes_writer *writer, const char *aggregate_name, const goes_uuid *aggregate_id,
				   const goes_event *events, size_t n, int32_t expected_version, void *tag,
				   const goes_context *context, goes_error **err)
{
	Write	  write = {.request = REQUEST_APPEND,
					   .n = n,
					   .aggregate_name = aggregate_name,
					   .aggregate_id = aggregate_id,
					   .expected_version = expected_version};
	Accepted *accepted = NULL;
	Deadline  deadline;
	int		  status = check_writer(writer, err);

	if (status == GOES_OK && events == NULL && n > 0)
		status = fail(err, GOES_ERR_INVALID, "the events must not be NULL");
	if (status == GOES_OK)
		status = copy_append(&accepted, &write, events, err);
	if (status != GOES_OK)
		return status;
	accepted->tag = tag;
	deadline = context_deadline(writer->store, context);
	return put(writer, accepted, &deadline, err);
}

/*
 * give_out gives the next outcome out, if there is one. That of before is not needed any more.
 */
static int
give_out(goes_writer *writer, const goes_outcome **out)
{
	Accepted *accepted = (Accepted *) writer->outcomes;
	uint64_t  count;

	if (accepted == NULL)
		return GOES_END;
	accepted_free(writer->given);
	writer->given = accepted;
	writer->outcomes = accepted->appending.queued.next;
	if (writer->outcomes == NULL)
	{
		writer->outcomes_end = &writer->outcomes;
		(void) !read(writer->readable, &count, sizeof count);
	}
	writer->outcome = (goes_outcome){.tag = accepted->tag,
									 .status = accepted->appending.status,
									 .version = accepted->appending.last,
									 .error = accepted->appending.error};
	*out = &writer->outcome;
	return GOES_OUTCOME;
}

int
goes_writer_process(goes_writer *writer, const goes_outcome **out, goes_error **err)
{
	int status = check_writer(writer, err);

	if (status == GOES_OK && out == NULL)
		status = fail(err, GOES_ERR_INVALID, "out must not be NULL");
	if (status != GOES_OK)
		return status;
	pthread_mutex_lock(&writer->lock);
	status = give_out(writer, out);
	pthread_mutex_unlock(&writer->lock);
	return status;
}

int
goes_writer_next(goes_writer *writer, const goes_outcome **out, const goes_context *context,
				 goes_error **err)
{
	Deadline deadline;
	int		 status = check_writer(writer, err);

	if (status == GOES_OK && out == NULL)
		status = fail(err, GOES_ERR_INVALID, "out must not be NULL");
	if (status != GOES_OK)
		return status;
	deadline = context_deadline(writer->store, context);
	pthread_mutex_lock(&writer->lock);
	while ((status = give_out(writer, out)) == GOES_END && writer->pending > 0)
	{
		status = deadline_check(&deadline, err);
		if (status != GOES_OK)
			break;
		lock_wait(&writer->lock, &writer->settled, &deadline);
	}
	pthread_mutex_unlock(&writer->lock);
	return status;
}

int
goes_writer_flush(goes_writer *writer, const goes_context *context, goes_error **err)
{
	Deadline deadline;
	int		 status = check_writer(writer, err);

	if (status != GOES_OK)
		return status;
	deadline = context_deadline(writer->store, context);
	pthread_mutex_lock(&writer->lock);
	while (status == GOES_OK && writer->pending > 0)
	{
		status = deadline_check(&deadline, err);
		if (status == GOES_OK)
			lock_wait(&writer->lock, &writer->settled, &deadline);
	}
	pthread_mutex_unlock(&writer->lock);
	return status;
}

int
goes_writer_fd(const goes_writer *writer)
{
	return writer == NULL ? -1 : writer->readable;
}

int
goes_writer_events(const goes_writer *writer)
{
	return writer == NULL ? 0 : POLLIN;
}

int64_t
goes_writer_timeout_ms(const goes_writer *writer)
{
	goes_writer *shared = (goes_writer *) writer;
	bool		 is_at_hand;

	if (check_writer(writer, NULL) != GOES_OK)
		return -1;
	pthread_mutex_lock(&shared->lock);
	is_at_hand = writer->outcomes != NULL;
	pthread_mutex_unlock(&shared->lock);
	return is_at_hand ? 0 : -1;
}

void
goes_writer_close(goes_writer *writer, goes_outcome_fn function, void *user)
{
	const goes_outcome *outcome;

	if (writer == NULL)
		return;
	/* in a child process the threads are not there, and the lock may be held by one of them */
	if (check_owner(writer->store, NULL) != GOES_OK)
	{
		close_descriptors(writer);
		store_release(writer->store);
		return;
	}
	writer_stop(writer);
	while (give_out(writer, &outcome) == GOES_OUTCOME)
	{
		if (function != NULL)
			function(outcome, user);
	}
	free_writer(writer);
}
