/*
 * writer_thread.c
 *    The threads of a writer: each takes what waits, makes it in one call, and takes what has come
 *    meanwhile.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/tally.h"
#include "writer/writer.h"

/* How long what was sent is waited for when a writer is closed. */
#define LAST_ANSWERS_MS 500

void
accepted_free(Accepted *accepted)
{
	if (accepted == NULL)
		return;
	goes_error_free(accepted->appending.error);
	free(accepted);
}

/*
 * conclude_unsent notes the outcome of an append that was not sent.
 */
static void
conclude_unsent(Appending *appending, int status, const char *why)
{
	appending->status = status;
	(void) fail(&appending->error, status, "%s", why);
}

/*
 * split_late takes those out that were to be sent before now, and returns them.
 */
static Queued *
split_late(Queued **taken)
{
	Queued	*late = NULL;
	Queued **end = &late;
	Queued **place = taken;

	while (*place != NULL)
	{
		Accepted *accepted = (Accepted *) *place;

		if (!deadline_passed(&accepted->deadline))
		{
			place = &(*place)->next;
			continue;
		}
		conclude_unsent(&accepted->appending, GOES_ERR_TIMEOUT,
						"the append could not be sent within its timeout");
		*end = *place;
		*place = (*place)->next;
		end = &(*end)->next;
		*end = NULL;
	}
	return late;
}

/*
 * make_appends makes what was taken, without the lock, and returns it with its outcomes.
 */
static Queued *
make_appends(goes_writer *writer, Queued *taken)
{
	goes_context context = {
		.size = sizeof context, .timeout_ms = writer->timeout_ms, .cancel = writer->closing};
	Queued	*late = split_late(&taken);
	Queued **end = &late;

	if (taken != NULL)
		append_each(writer->store, taken, &context);
	while (*end != NULL)
		end = &(*end)->next;
	*end = taken;
	return late;
}

/*
 * settle adds to the outcomes.
 */
static void
settle(goes_writer *writer, Queued *made)
{
	uint64_t one = 1;

	if (made == NULL)
		return;
	if (writer->outcomes == NULL)
		(void) !write(writer->readable, &one, sizeof one);
	*writer->outcomes_end = made;
	for (Queued *queued = made; queued != NULL; queued = queued->next)
	{
		(void) count_call(writer->store, ((Appending *) queued)->status);
		writer->pending--;
		writer->outcomes_end = &queued->next;
	}
	pthread_cond_broadcast(&writer->settled);
}

/*
 * take_work waits for something to make; NULL: the writer is closed.
 */
static Queued *
take_work(goes_writer *writer, int number)
{
	const Portion most = {MOST_TOGETHER, MOST_BYTES_TOGETHER};
	Queued		 *taken = NULL;

	while (!writer->is_closed && (taken = queue_take(&writer->waiting, number, most)) == NULL)
		(void) pthread_cond_wait(&writer->work, &writer->lock);
	return taken;
}

/*
 * run_thread makes appends until the writer is closed.
 */
static void *
run_thread(void *argument)
{
	WriterThread *thread = argument;
	goes_writer	 *writer = thread->writer;
	Queued		 *taken;

	pthread_mutex_lock(&writer->lock);
	while ((taken = take_work(writer, thread->number)) != NULL)
	{
		/* there may be enough for another one */
		if (queue_has_work(&writer->waiting))
			pthread_cond_signal(&writer->work);
		writer->busy++;
		pthread_mutex_unlock(&writer->lock);
		taken = make_appends(writer, taken);
		pthread_mutex_lock(&writer->lock);
		writer->busy--;
		queue_release(&writer->waiting, taken);
		settle(writer, taken);
		if (queue_has_work(&writer->waiting))
			pthread_cond_signal(&writer->work);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

/*
 * start_threads starts them with all signals blocked: those are for the program's own threads.
 */
static int
start_threads(goes_writer *writer, int threads)
{
	sigset_t all;
	sigset_t before;
	int		 failed = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int i = 0; i < threads && failed == 0; i++)
	{
		WriterThread *thread = &writer->threads[i];

		*thread = (WriterThread){.writer = writer, .number = i + 1};
		failed = pthread_create(&thread->id, NULL, run_thread, thread);
		writer->thread_count += failed == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed == 0 ? GOES_OK : GOES_ERR_NOMEM;
}

int
writer_start(goes_writer *writer, int threads, goes_error **err)
{
	if (start_threads(writer, threads) == GOES_OK)
		return GOES_OK;
	writer_stop(writer);
	return fail_memory(err);
}

/*
 * drop_waiting ends what was not sent.
 */
static void
drop_waiting(goes_writer *writer)
{
	Queued *dropped = writer->waiting.first;

	queue_init(&writer->waiting);
	for (Queued *queued = dropped; queued != NULL; queued = queued->next)
		conclude_unsent((Appending *) queued, GOES_ERR_CANCELLED,
						"the writer was closed before the append was sent");
	settle(writer, dropped);
}

void
writer_stop(goes_writer *writer)
{
	Deadline patience = deadline_in(LAST_ANSWERS_MS, NULL);

	pthread_mutex_lock(&writer->lock);
	writer->is_closed = true;
	pthread_cond_broadcast(&writer->work);
	while (writer->busy > 0 && !deadline_passed(&patience))
		lock_wait(&writer->lock, &writer->settled, &patience);
	pthread_mutex_unlock(&writer->lock);
	goes_cancel_trigger(writer->closing);
	for (int i = 0; i < writer->thread_count; i++)
		pthread_join(writer->threads[i].id, NULL);
	drop_waiting(writer);
}
