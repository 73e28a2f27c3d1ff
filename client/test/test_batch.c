/*
 * test_batch.c
 *    Events that were claimed together: which are handed out, and which answers can be given, so that
 *    the order of an aggregate is kept.
 */
#include <stdlib.h>

#include "follow/batch.h"
#include "unit.h"

#define COLUMNS (EVENT_COLUMNS + 4)

/* An event of a batch: its partition, and its aggregate ('-': none). */
typedef struct Claimed
{
	int	 partition;
	char aggregate;
} Claimed;

static void
set_int64(PGresult *rows, int row, int column, int64_t value)
{
	uint64_t network = htobe64((uint64_t) value);

	assert_true(PQsetvalue(rows, row, column, (char *) &network, sizeof network));
}

static void
set_int32(PGresult *rows, int row, int column, int32_t value)
{
	uint32_t network = htobe32((uint32_t) value);

	assert_true(PQsetvalue(rows, row, column, (char *) &network, sizeof network));
}

/*
 * rows_of makes what goes_claim returns; positions are 1, 2 and so on.
 */
static PGresult *
rows_of(const Claimed *claimed, int count)
{
	PGresult	*rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc attributes[COLUMNS] = {{0}};

	for (int i = 0; i < COLUMNS; i++)
		attributes[i] = (PGresAttDesc){.name = "column", .format = 1};
	assert_true(PQsetResultAttrs(rows, COLUMNS, attributes));
	for (int row = 0; row < count; row++)
	{
		goes_uuid id = {{1}};
		bool	  has_aggregate = claimed[row].aggregate != '-';

		assert_true(PQsetvalue(rows, row, 0, (char *) id.bytes, sizeof id.bytes));
		assert_true(PQsetvalue(rows, row, 1, "happened", 8));
		set_int64(rows, row, 2, row);
		id.bytes[0] = (unsigned char) claimed[row].aggregate;
		assert_true(PQsetvalue(rows, row, 3, (char *) id.bytes, has_aggregate ? 16 : -1));
		assert_true(PQsetvalue(rows, row, 4, "order", has_aggregate ? 5 : -1));
		assert_true(PQsetvalue(rows, row, 5, NULL, -1));
		assert_true(PQsetvalue(rows, row, 6, "\1{}", 3));
		set_int64(rows, row, 7, row + 1);
		set_int32(rows, row, 8, claimed[row].partition);
		set_int64(rows, row, 9, 100 + claimed[row].partition);
		set_int32(rows, row, 10, 0);
	}
	return rows;
}

static Batch *
batch_of(const Claimed *claimed, int count)
{
	Batch	   *batch = NULL;
	goes_error *error = NULL;

	assert_int_equal(batch_make(&batch, rows_of(claimed, count), 0, &error), GOES_OK);
	return batch;
}

static Delivery *
expect_next(Batch *batch, int position)
{
	Delivery *delivery = batch_next(batch);

	assert_non_null(delivery);
	assert_int_equal(delivery->given.position, position);
	return delivery;
}

/*
 * expect_answers expects that of the first lease these positions can be named.
 */
static void
expect_answers(Batch *batch, const char *done, const char *failed)
{
	Answers answers;
	Buffer	found[2] = {{0}};

	assert_int_equal(answers_collect(&answers, batch, batch->leases, NULL), GOES_OK);
	for (int side = 0; side < 2; side++)
	{
		const Buffer  *list = side == 0 ? &answers.done : &answers.failed;
		const int64_t *positions = (const void *) list->data;

		for (size_t i = 0; i < list->length / sizeof *positions; i++)
			buffer_format(&found[side], "%d ", (int) positions[i]);
	}
	assert_string_equal(buffer_string(&found[0]), done);
	assert_string_equal(buffer_string(&found[1]), failed);
	buffer_free(&found[0]);
	buffer_free(&found[1]);
	answers_confirm(&answers, batch, batch->leases);
	answers_free(&answers);
}

static void
an_event_is_named_when_its_turn_has_come(void **state)
{
	static const Claimed claimed[] = {{0, 'a'}, {0, 'b'}, {0, 'a'}, {0, '-'}};
	Batch				*batch = batch_of(claimed, 4);
	Delivery			*out[4];

	for (int i = 0; i < 4; i++)
		out[i] = expect_next(batch, i + 1);
	assert_null(batch_next(batch));
	assert_true(batch_is_handed_out(batch));
	delivery_answer(batch, out[2], DELIVERY_DONE, NULL);
	expect_answers(batch, "", "");
	delivery_answer(batch, out[1], DELIVERY_DONE, NULL);
	delivery_answer(batch, out[3], DELIVERY_DONE, NULL);
	expect_answers(batch, "2 4 ", "");
	assert_false(batch_is_over(batch));
	delivery_answer(batch, out[0], DELIVERY_DONE, NULL);
	expect_answers(batch, "1 3 ", "");
	assert_true(batch_is_over(batch));
	assert_int_equal(batch->out, 0);
	batch_free(batch);
}

static void
behind_a_failure_nothing_of_its_aggregate_is_named_or_handed_out(void **state)
{
	static const Claimed claimed[] = {{0, 'a'}, {0, 'a'}, {0, 'b'}, {0, 'a'}, {0, '-'}, {0, '-'}};
	Batch				*batch = batch_of(claimed, 6);
	Delivery			*first = expect_next(batch, 1);
	Delivery			*second = expect_next(batch, 2);

	delivery_answer(batch, second, DELIVERY_DONE, NULL);
	delivery_answer(batch, first, DELIVERY_FAILED, strdup("why"));
	delivery_answer(batch, expect_next(batch, 3), DELIVERY_DONE, NULL);
	delivery_answer(batch, expect_next(batch, 5), DELIVERY_FAILED, NULL);
	delivery_answer(batch, expect_next(batch, 6), DELIVERY_DONE, NULL);
	assert_null(batch_next(batch));
	expect_answers(batch, "3 6 ", "1 5 ");
	assert_true(batch_is_over(batch));
	batch_free(batch);
}

/*
 * One that is out when an earlier one fails is answered in vain.
 */
static void
what_is_out_behind_a_failure_comes_again(void **state)
{
	static const Claimed claimed[] = {{0, 'a'}, {0, 'a'}};
	Batch				*batch = batch_of(claimed, 2);
	Delivery			*first = expect_next(batch, 1);
	Delivery			*second = expect_next(batch, 2);

	delivery_answer(batch, first, DELIVERY_FAILED, NULL);
	assert_int_equal(batch->out, 1);
	delivery_answer(batch, second, DELIVERY_FAILED, strdup("too"));
	assert_int_equal(batch->out, 0);
	expect_answers(batch, "", "1 ");
	assert_true(batch_is_over(batch));
	batch_free(batch);
}

static void
a_lost_lease_takes_its_deliveries_only(void **state)
{
	static const Claimed claimed[] = {{0, 'a'}, {1, 'b'}, {0, 'c'}, {0, 'd'}, {1, 'e'}};
	Batch				*batch = batch_of(claimed, 5);
	Delivery			*out[3];

	assert_int_equal(batch->lease_count, 2);
	assert_int_equal(batch->leases[1].epoch, 101);
	for (int i = 0; i < 3; i++)
		out[i] = expect_next(batch, i + 1);
	delivery_answer(batch, out[0], DELIVERY_DONE, NULL);
	assert_int_equal(lease_lost_count(batch, batch->leases), 2);
	lease_lose(batch, batch->leases);
	assert_int_equal(lease_lost_count(batch, batch->leases), 0);
	assert_int_equal(batch->out, 2);
	(void) expect_next(batch, 5);
	assert_null(batch_next(batch));
	assert_false(batch_is_over(batch));
	batch_free(batch);
}

static void
only_deliveries_of_the_batch_are_found(void **state)
{
	static const Claimed claimed[] = {{0, '-'}, {0, '-'}};
	Batch				*batch = batch_of(claimed, 2);
	Delivery			*first = expect_next(batch, 1);
	const char			*place = (const char *) first;
	goes_delivery		 foreign = {.position = 1};

	assert_ptr_equal(batch_find(batch, &first->given), first);
	assert_null(batch_find(batch, &foreign));
	assert_null(batch_find(batch, (const void *) (place + 1)));
	assert_null(batch_find(batch, (const void *) (place - sizeof *first)));
	assert_null(batch_find(batch, (const void *) (place + 2 * sizeof *first)));
	batch_free(batch);
}

static void
rows_that_cannot_be_read_are_an_error(void **state)
{
	static const Claimed claimed[] = {{0, 'a'}};

	for (int column = 0; column < COLUMNS; column++)
	{
		PGresult   *rows = rows_of(claimed, 1);
		Batch	   *batch = NULL;
		goes_error *error = NULL;

		if (column == 1 || column == 4) /* any text is one */
		{
			PQclear(rows);
			continue;
		}
		assert_true(PQsetvalue(rows, 0, column, "???", column == 5 ? 3 : 1));
		if (batch_make(&batch, rows, 0, &error) == GOES_OK)
			fail_msg("column %d was read", column);
		assert_int_equal(goes_error_status(error), GOES_ERR_SERVER);
		goes_error_free(error);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_named_when_its_turn_has_come),
		cmocka_unit_test(behind_a_failure_nothing_of_its_aggregate_is_named_or_handed_out),
		cmocka_unit_test(what_is_out_behind_a_failure_comes_again),
		cmocka_unit_test(a_lost_lease_takes_its_deliveries_only),
		cmocka_unit_test(only_deliveries_of_the_batch_are_found),
		cmocka_unit_test(rows_that_cannot_be_read_are_an_error),
	};

	return RUN_TESTS(tests);
}
