/*
 * batch.c
 *    Events that were claimed together: handing them out, and their answers.
 *
 * The server refuses an answer about an event that stands behind one of its aggregate without an
 * answer, or behind one that failed. So only those are named whose turn it is.
 */
#include <stdlib.h>

#include "follow/batch.h"

enum ClaimColumn
{
	CLAIM_POSITION = EVENT_COLUMNS,
	CLAIM_PARTITION,
	CLAIM_EPOCH,
	CLAIM_ATTEMPTS,
	CLAIM_COLUMNS
};

/*
 * find_lease returns the lease on a partition, which is added if it is new.
 */
static Lease *
find_lease(Batch *batch, int32_t partition, int64_t epoch, int64_t renew_at)
{
	Lease *lease = batch->leases;

	for (; lease < batch->leases + batch->lease_count; lease++)
	{
		if (lease->partition == partition)
			return lease;
	}
	*lease = (Lease){.partition = partition, .epoch = epoch, .renew_at = renew_at};
	batch->lease_count++;
	return lease;
}

/*
 * read_delivery makes a delivery of a row.
 */
static int
read_delivery(Batch *batch, int row, int64_t renew_at, goes_error **err)
{
	const PGresult *rows = batch->rows;
	Delivery	   *delivery = &batch->deliveries[row];
	int32_t			partition;
	int64_t			epoch;
	int				status = decode_event(rows, row, &delivery->given.event, err);

	if (status != GOES_OK)
		return status;
	if (PQnfields(rows) != CLAIM_COLUMNS ||
		decode_int64(PQgetvalue(rows, row, CLAIM_POSITION), PQgetlength(rows, row, CLAIM_POSITION),
					 &delivery->given.position) != GOES_OK ||
		decode_int32(PQgetvalue(rows, row, CLAIM_PARTITION),
					 PQgetlength(rows, row, CLAIM_PARTITION), &partition) != GOES_OK ||
		decode_int64(PQgetvalue(rows, row, CLAIM_EPOCH), PQgetlength(rows, row, CLAIM_EPOCH),
					 &epoch) != GOES_OK ||
		decode_int32(PQgetvalue(rows, row, CLAIM_ATTEMPTS), PQgetlength(rows, row, CLAIM_ATTEMPTS),
					 &delivery->given.attempts) != GOES_OK)
		return fail(err, GOES_ERR_SERVER, "the server sent a delivery that cannot be read");
	delivery->lease = find_lease(batch, partition, epoch, renew_at);
	delivery->lease->open++;
	return GOES_OK;
}

int
batch_make(Batch **out, PGresult *rows, int64_t renew_at, goes_error **err)
{
	Batch *batch = calloc(1, sizeof *batch);
	int	   status = GOES_OK;

	if (batch == NULL)
	{
		PQclear(rows);
		return fail_memory(err);
	}
	batch->rows = rows;
	batch->count = PQntuples(rows);
	batch->deliveries = calloc((size_t) batch->count + 1, sizeof *batch->deliveries);
	batch->leases = calloc((size_t) batch->count + 1, sizeof *batch->leases);
	if (batch->deliveries == NULL || batch->leases == NULL)
		status = fail_memory(err);
	for (int row = 0; status == GOES_OK && row < batch->count; row++)
		status = read_delivery(batch, row, renew_at, err);
	if (status == GOES_OK)
		*out = batch;
	else
		batch_free(batch);
	return status;
}

void
batch_free(Batch *batch)
{
	for (int i = 0; batch->deliveries != NULL && i < batch->count; i++)
		free(batch->deliveries[i].text);
	free(batch->deliveries);
	free(batch->leases);
	PQclear(batch->rows);
	free(batch);
}

Delivery *
batch_next(Batch *batch)
{
	while (batch->next < batch->count)
	{
		Delivery *delivery = &batch->deliveries[batch->next++];

		if (delivery->state != DELIVERY_WAITS)
			continue;
		delivery->state = DELIVERY_OUT;
		delivery->is_out = true;
		batch->out++;
		return delivery;
	}
	return NULL;
}

Delivery *
batch_find(Batch *batch, const goes_delivery *given)
{
	uintptr_t place = (uintptr_t) given - (uintptr_t) batch->deliveries;

	if ((uintptr_t) given < (uintptr_t) batch->deliveries ||
		place >= sizeof(Delivery) * (size_t) batch->count || place % sizeof(Delivery) != 0)
		return NULL;
	return &batch->deliveries[place / sizeof(Delivery)];
}

/*
 * is_of_same_aggregate tells whether two events belong to one aggregate.
 */
static bool
is_of_same_aggregate(const Delivery *one, const Delivery *other)
{
	const goes_event *event = &one->given.event;

	return one->lease == other->lease && !is_nil(&event->aggregate_id) &&
		   memcmp(&event->aggregate_id, &other->given.event.aggregate_id, sizeof(goes_uuid)) == 0 &&
		   strcmp(event->aggregate_name, other->given.event.aggregate_name) == 0;
}

/*
 * hold_later holds the later events of an aggregate back, whatever has become of them here.
 */
static void
hold_later(Batch *batch, const Delivery *failed)
{
	for (Delivery *later = batch->deliveries + (failed - batch->deliveries) + 1;
		 later < batch->deliveries + batch->count; later++)
	{
		if (!is_of_same_aggregate(failed, later))
			continue;
		if (later->state == DELIVERY_WAITS || later->state == DELIVERY_OUT)
			later->lease->open--;
		else if (later->state == DELIVERY_DONE || later->state == DELIVERY_FAILED)
			later->lease->answered--;
		else
			continue;
		later->state = DELIVERY_BEHIND;
	}
}

void
delivery_answer(Batch *batch, Delivery *delivery, DeliveryState state, char *text)
{
	delivery->is_out = false;
	batch->out--;
	if (delivery->state == DELIVERY_BEHIND)
	{
		free(text);
		return;
	}
	delivery->state = state;
	delivery->text = text;
	delivery->lease->open--;
	delivery->lease->answered++;
	if (state == DELIVERY_FAILED)
		hold_later(batch, delivery);
}

bool
batch_is_handed_out(const Batch *batch)
{
	for (int i = batch->next; i < batch->count; i++)
	{
		if (batch->deliveries[i].state == DELIVERY_WAITS)
			return false;
	}
	return true;
}

bool
batch_is_over(const Batch *batch)
{
	for (int i = 0; i < batch->lease_count; i++)
	{
		if (batch->leases[i].state == LEASE_HELD)
			return false;
	}
	return true;
}

/*
 * is_in_hand tells whether a delivery was handed out, and the server does not know that it is done.
 */
static bool
is_in_hand(const Delivery *delivery)
{
	return delivery->state == DELIVERY_OUT || delivery->state == DELIVERY_DONE ||
		   delivery->state == DELIVERY_FAILED;
}

int
lease_lost_count(const Batch *batch, const Lease *lease)
{
	int count = 0;

	for (int i = 0; i < batch->count; i++)
		count += batch->deliveries[i].lease == lease && is_in_hand(&batch->deliveries[i]);
	return count;
}

void
lease_lose(Batch *batch, Lease *lease)
{
	lease->state = LEASE_GONE;
	lease->open = lease->answered = 0;
	for (int i = 0; i < batch->count; i++)
	{
		if (batch->deliveries[i].lease == lease)
			batch->deliveries[i].state = DELIVERY_OVER;
	}
}

/*
 * is_its_turn tells whether no earlier event of the aggregate is without an answer.
 */
static bool
is_its_turn(const Batch *batch, const Delivery *delivery)
{
	for (const Delivery *earlier = batch->deliveries; earlier < delivery; earlier++)
	{
		if ((earlier->state == DELIVERY_WAITS || earlier->state == DELIVERY_OUT) &&
			is_of_same_aggregate(delivery, earlier))
			return false;
	}
	return true;
}

/*
 * is_to_be_named tells whether an answer is to be sent now.
 */
static bool
is_to_be_named(const Batch *batch, const Lease *lease, const Delivery *delivery)
{
	return delivery->lease == lease &&
		   (delivery->state == DELIVERY_DONE || delivery->state == DELIVERY_FAILED) &&
		   (lease->open == 0 || is_its_turn(batch, delivery));
}

int
answers_collect(Answers *answers, const Batch *batch, const Lease *lease, goes_error **err)
{
	*answers = (Answers){0};
	for (int i = 0; i < batch->count; i++)
	{
		const Delivery *delivery = &batch->deliveries[i];
		const char	   *text = delivery->text == NULL ? "" : delivery->text;

		if (!is_to_be_named(batch, lease, delivery))
			continue;
		buffer_append(delivery->state == DELIVERY_DONE ? &answers->done : &answers->failed,
					  &delivery->given.position, sizeof delivery->given.position);
		if (delivery->state == DELIVERY_FAILED)
			buffer_append(&answers->texts, &text, sizeof text);
		answers->count++;
	}
	if (!answers->done.failed && !answers->failed.failed && !answers->texts.failed)
		return GOES_OK;
	answers_free(answers);
	return fail_memory(err);
}

/*
 * is_among tells whether a position was named.
 */
static bool
is_among(const Buffer *positions, int64_t position)
{
	const int64_t *list = (const void *) positions->data;

	for (size_t i = 0; i < positions->length / sizeof *list; i++)
	{
		if (list[i] == position)
			return true;
	}
	return false;
}

/*
 * answers_confirm notes that the server knows them. Those behind a failed one are held there.
 */
void
answers_confirm(const Answers *answers, Batch *batch, Lease *lease)
{
	for (int i = 0; i < batch->count; i++)
	{
		Delivery *delivery = &batch->deliveries[i];
		int64_t	  position = delivery->given.position;

		if (delivery->lease != lease ||
			(delivery->state != DELIVERY_DONE && delivery->state != DELIVERY_FAILED) ||
			(!is_among(&answers->done, position) && !is_among(&answers->failed, position)))
			continue;
		delivery->state = DELIVERY_OVER;
		lease->answered--;
	}
	lease->is_unsure = false;
	if (lease->open == 0 && lease->answered == 0)
		lease->state = LEASE_OVER;
}

void
answers_free(Answers *answers)
{
	buffer_free(&answers->done);
	buffer_free(&answers->failed);
	buffer_free(&answers->texts);
}
