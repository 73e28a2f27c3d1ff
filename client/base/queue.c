/*
 * queue.c
 *    What waits to be done, lane by lane.
 */
#include "base/queue.h"

/* FNV-1a */
#define HASH_START UINT32_C(2166136261)
#define HASH_FACTOR UINT32_C(16777619)

void
queue_init(Queue *queue)
{
	*queue = (Queue){0};
	queue->end = &queue->first;
}

unsigned
queue_lane(const char *name, const goes_uuid *id)
{
	uint32_t hash = HASH_START;

	for (size_t i = 0; i < sizeof id->bytes; i++)
		hash = (hash ^ id->bytes[i]) * HASH_FACTOR;
	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char) *name) * HASH_FACTOR;
	return (hash ^ hash >> 16) % LANES;
}

void
queue_put(Queue *queue, Queued *queued)
{
	queued->next = NULL;
	*queue->end = queued;
	queue->end = &queued->next;
}

/*
 * unlink_at takes what stands at a place out of the queue.
 */
static Queued *
unlink_at(Queue *queue, Queued **place)
{
	Queued *queued = *place;

	*place = queued->next;
	if (queue->end == &queued->next)
		queue->end = place;
	queued->next = NULL;
	return queued;
}

void
queue_remove(Queue *queue, Queued *queued)
{
	Queued **place = &queue->first;

	while (*place != queued)
		place = &(*place)->next;
	(void) unlink_at(queue, place);
}

bool
queue_has_work(const Queue *queue)
{
	for (const Queued *queued = queue->first; queued != NULL; queued = queued->next)
	{
		if (queue->taker[queued->lane] == 0)
			return true;
	}
	return false;
}

Queued *
queue_take(Queue *queue, int taker, Portion most)
{
	Queued	*taken = NULL;
	Queued **end = &taken;
	Queued **place = &queue->first;
	size_t	 count = 0;
	size_t	 bytes = 0;

	while (*place != NULL && count < most.count)
	{
		unsigned char *owner = &queue->taker[(*place)->lane];

		if (*owner != 0 && *owner != taker)
		{
			place = &(*place)->next;
			continue;
		}
		bytes += (*place)->bytes;
		if (taken != NULL && bytes > most.bytes)
			break;
		*owner = (unsigned char) taker;
		*end = unlink_at(queue, place);
		end = &(*end)->next;
		count++;
	}
	return taken;
}

void
queue_release(Queue *queue, const Queued *taken)
{
	for (; taken != NULL; taken = taken->next)
		queue->taker[taken->lane] = 0;
}
