/*
 * test_query_filters.c
 *    goes_query_test: would a query return this event? One kind of filter at a time, and several.
 *    Each row of `cases` is a test: a query's steps, events that it finds, and events that it misses.
 */
#include "queries.h"

/* ---- The steps of a query, and what they take */

typedef struct Step Step;

struct Step
{
	int (*add)(goes_query *query, const Step *step);
	int64_t		from;
	int64_t		to;
	const char *name;
	const char *id;
};

#define STEP(function, call)                                 \
	static int function(goes_query *query, const Step *step) \
	{                                                        \
		return call;                                         \
	}

STEP(name_is, goes_query_name(query, step->name))
STEP(id_is, add_id(query, step->id))
STEP(time_is, goes_query_time(query, step->from))
STEP(time_min_is, goes_query_time_min(query, step->from))
STEP(time_max_is, goes_query_time_max(query, step->from))
STEP(time_is_after, goes_query_time_after(query, step->from))
STEP(time_is_before, goes_query_time_before(query, step->from))
STEP(time_is_within, goes_query_time_range(query, step->from, step->to))
STEP(version_is, goes_query_version(query, (int32_t) step->from))
STEP(version_min_is, goes_query_version_min(query, (int32_t) step->from))
STEP(version_max_is, goes_query_version_max(query, (int32_t) step->from))
STEP(version_is_within, goes_query_version_range(query, (int32_t) step->from, (int32_t) step->to))
STEP(aggregate_name_is, goes_query_aggregate_name(query, step->name))
STEP(aggregate_id_is, add_aggregate_id(query, step->id))
STEP(aggregate_is, add_aggregate(query, step->name, step->id))
STEP(aggregate_is_any, goes_query_aggregate(query, step->name, NULL))

/* clang-format off */
#define NAME(text) {name_is, .name = text}
#define ID(text) {id_is, .id = text}
#define TIME(time) {time_is, .from = time}
#define TIME_MIN(time) {time_min_is, .from = time}
#define TIME_MAX(time) {time_max_is, .from = time}
#define AFTER(time) {time_is_after, .from = time}
#define BEFORE(time) {time_is_before, .from = time}
#define TIME_RANGE(first, last) {time_is_within, .from = first, .to = last}
#define VERSION(version) {version_is, .from = version}
#define VERSION_MIN(version) {version_min_is, .from = version}
#define VERSION_MAX(version) {version_max_is, .from = version}
#define VERSION_RANGE(first, last) {version_is_within, .from = first, .to = last}
#define AGGREGATE_NAME(text) {aggregate_name_is, .name = text}
#define AGGREGATE_ID(text) {aggregate_id_is, .id = text}
#define AGGREGATE(text, uuid) {aggregate_is, .name = text, .id = uuid}
#define ANY_AGGREGATE(text) {aggregate_is_any, .name = text}
/* clang-format on */

/* ---- Events: placed(), but for one of its members */

typedef struct Variant
{
	const char *id; /* NULL: the list is over */
	const char *name;
	int64_t		time;
	const char *aggregate_name;
	const char *aggregate_id;
	int32_t		version;
} Variant;

/* clang-format off */
#define named(text) {FIRST, text, 1000, "order", SHOP, 3}
#define with_id(uuid) {uuid, "order.placed", 1000, "order", SHOP, 3}
#define at(time) {FIRST, "order.placed", time, "order", SHOP, 3}
#define of(text, uuid) {FIRST, "order.placed", 1000, text, uuid, 3}
#define numbered(version) {FIRST, "order.placed", 1000, "order", SHOP, version}
/* clang-format on */

static const struct Case
{
	const char *test;
	Step		steps[8];
	Variant		finds[6];
	Variant		misses[8];
} cases[] = {
	/* One kind of filter at a time */
	{"a_name", {NAME("order.placed")}, {named("order.placed")}, {named("order.paid")}},
	{"names_are_alternatives",
	 {NAME("order.placed"), NAME("order.paid")},
	 {named("order.placed"), named("order.paid")},
	 {named("order.place"), named("Order.placed")}},
	{"an_id", {ID(FIRST)}, {with_id(FIRST)}, {with_id(OTHER)}},
	{"ids_are_alternatives",
	 {ID(FIRST), ID(OTHER)},
	 {with_id(FIRST), with_id(OTHER)},
	 {with_id(SHOP)}},
	{"times_are_alternatives", {TIME(1000), TIME(-5)}, {at(1000), at(-5)}, {at(999), at(0)}},
	{"time_bounds_are_inclusive", {TIME_MIN(10), TIME_MAX(20)}, {at(10), at(20)}, {at(9), at(21)}},
	{"after_and_before_are_exclusive", {AFTER(10), BEFORE(20)}, {at(11), at(19)}, {at(10), at(20)}},
	{"the_last_minimum_of_time_wins", {TIME_MIN(100), TIME_MIN(10)}, {at(10)}, {at(9)}},
	{"after_replaces_the_minimum", {TIME_MIN(10), AFTER(50)}, {at(51)}, {at(50)}},
	{"the_minimum_replaces_after", {AFTER(50), TIME_MIN(50)}, {at(50)}, {at(49)}},
	{"the_last_maximum_of_time_wins", {TIME_MAX(60), TIME_MAX(70)}, {at(70)}, {at(71)}},
	{"before_replaces_the_maximum", {TIME_MAX(70), BEFORE(60)}, {at(59)}, {at(60)}},
	{"bounds_that_cross_leave_nothing",
	 {TIME_MIN(20), TIME_MAX(10)},
	 {{0}},
	 {at(10), at(15), at(20)}},
	{"after_the_greatest_time_there_is_nothing",
	 {AFTER(INT64_MAX)},
	 {{0}},
	 {at(INT64_MAX), at(INT64_MIN)}},
	{"a_minimum_replaces_after_the_greatest_time",
	 {AFTER(INT64_MAX), TIME_MIN(INT64_MAX)},
	 {at(INT64_MAX)},
	 {at(INT64_MAX - 1)}},
	{"before_the_least_time_there_is_nothing",
	 {BEFORE(INT64_MIN)},
	 {{0}},
	 {at(INT64_MIN), at(INT64_MAX)}},
	{"a_maximum_replaces_before_the_least_time",
	 {BEFORE(INT64_MIN), TIME_MAX(INT64_MIN)},
	 {at(INT64_MIN)},
	 {at(INT64_MIN + 1)}},
	{"just_below_the_greatest_time_there_is_one_event",
	 {AFTER(INT64_MAX - 1)},
	 {at(INT64_MAX)},
	 {at(INT64_MAX - 1)}},
	{"just_above_the_least_time_there_is_one_event",
	 {TIME_MIN(INT64_MIN), BEFORE(INT64_MIN + 1)},
	 {at(INT64_MIN)},
	 {at(INT64_MIN + 1)}},
	{"time_ranges_are_closed_and_alternatives",
	 {TIME_RANGE(10, 20), TIME_RANGE(40, 40)},
	 {at(10), at(20), at(40)},
	 {at(9), at(21), at(41)}},
	{"a_range_may_end_at_the_greatest_time",
	 {TIME_RANGE(INT64_MAX - 1, INT64_MAX)},
	 {at(INT64_MAX), at(INT64_MAX - 1)},
	 {at(INT64_MAX - 2)}},
	{"a_reversed_range_is_empty_and_still_filters",
	 {TIME_RANGE(20, 10)},
	 {{0}},
	 {at(9), at(10), at(15), at(20)}},
	{"a_range_beside_a_reversed_one",
	 {TIME_RANGE(20, 10), TIME_RANGE(15, 15)},
	 {at(15)},
	 {at(10), at(16), at(20)}},
	{"the_parts_of_time_add_up",
	 {TIME(1), TIME(3), TIME(5), TIME(7), TIME_MIN(2), TIME_MAX(6), TIME_RANGE(4, 9)},
	 {at(5)},
	 {at(1), at(3), at(4), at(7)}},
	{"a_reversed_version_range_is_empty_and_still_filters",
	 {VERSION_RANGE(5, 1)},
	 {{0}},
	 {numbered(0), numbered(3), numbered(5)}},
	{"versions_are_alternatives",
	 {VERSION(3), VERSION(-1)},
	 {numbered(3), numbered(-1)},
	 {numbered(1)}},
	{"a_minimum_of_version", {VERSION_MIN(10)}, {numbered(10)}, {numbered(9)}},
	{"reaching_one_of_the_minimums_is_enough",
	 {VERSION_MIN(10), VERSION_MIN(5), VERSION_MIN(20)},
	 {numbered(5), numbered(30)},
	 {numbered(4)}},
	{"a_maximum_of_version", {VERSION_MAX(10)}, {numbered(10)}, {numbered(11)}},
	{"staying_below_one_of_the_maximums_is_enough",
	 {VERSION_MAX(10), VERSION_MAX(20), VERSION_MAX(5)},
	 {numbered(20)},
	 {numbered(21)}},
	{"version_ranges_are_closed_and_alternatives",
	 {VERSION_RANGE(1, 3), VERSION_RANGE(INT32_MAX, INT32_MAX)},
	 {numbered(1), numbered(3), numbered(INT32_MAX)},
	 {numbered(0), numbered(4)}},
	{"the_four_parts_of_version_add_up",
	 {VERSION(1), VERSION(3), VERSION(5), VERSION(7), VERSION_MIN(2), VERSION_MAX(6),
	  VERSION_RANGE(4, 9)},
	 {numbered(5)},
	 {numbered(1), numbered(3), numbered(4), numbered(7)}},
	{"aggregate_names_are_alternatives",
	 {AGGREGATE_NAME("order"), AGGREGATE_NAME("account")},
	 {of("order", SHOP), of("account", BANK)},
	 {of("Order", SHOP), of("", SHOP), of(NULL, SHOP)}},
	{"an_aggregate_id", {AGGREGATE_ID(SHOP)}, {of("order", SHOP)}, {of("order", BANK)}},
	{"aggregate_ids_are_alternatives",
	 {AGGREGATE_ID(SHOP), AGGREGATE_ID(BANK)},
	 {of("order", SHOP), of("order", BANK)},
	 {of("order", NIL)}},
	{"an_aggregate_is_its_name_and_its_id",
	 {AGGREGATE("order", SHOP)},
	 {of("order", SHOP)},
	 {of("order", BANK), of("account", SHOP), of("order", NIL), of(NULL, SHOP)}},
	{"aggregates_are_not_their_names_with_any_of_their_ids",
	 {AGGREGATE("order", SHOP), AGGREGATE("account", BANK)},
	 {of("order", SHOP), of("account", BANK)},
	 {of("order", BANK), of("account", SHOP)}},
	{"an_aggregate_without_id_is_every_one_of_its_name",
	 {ANY_AGGREGATE("order")},
	 {of("order", SHOP), of("order", BANK), of("order", NIL)},
	 {of("account", SHOP), of("", SHOP)}},
	{"a_nil_id_in_an_aggregate_is_no_id",
	 {AGGREGATE("order", NIL)},
	 {of("order", BANK)},
	 {of("account", BANK)}},

	/* Several kinds */
	{"kinds_add_up",
	 {NAME("order.placed"), ID(FIRST), TIME_MAX(1000), AGGREGATE_NAME("order"), AGGREGATE_ID(SHOP),
	  VERSION_MIN(3), AGGREGATE("order", SHOP)},
	 {numbered(3)},
	 {named("order.paid"), with_id(OTHER), at(1001), numbered(2), of("account", SHOP),
	  of("order", BANK)}},
	{"names_ids_and_aggregates_filter_each_for_itself",
	 {AGGREGATE_NAME("order"), AGGREGATE("account", BANK)},
	 {{0}},
	 {of("order", SHOP), of("account", BANK)}},
};

static void
expect_each(const goes_query *query, const Variant *variants, bool is_found)
{
	for (size_t i = 0; variants[i].id != NULL; i++)
	{
		goes_event event = {.id = uuid_of(variants[i].id),
							.name = variants[i].name,
							.time = variants[i].time,
							.aggregate_id = uuid_of(variants[i].aggregate_id),
							.aggregate_name = variants[i].aggregate_name,
							.aggregate_version = variants[i].version};

		if (goes_query_test(query, &event) != is_found)
			fail_msg("event %zu of those that it %s", i, is_found ? "finds" : "misses");
	}
}

static void
run_case(void **state)
{
	const struct Case *row = *state;
	goes_query		  *query = goes_query_new();

	for (size_t i = 0; row->steps[i].add != NULL; i++)
		assert_int_equal(row->steps[i].add(query, &row->steps[i]), GOES_OK);
	expect_each(query, row->finds, true);
	expect_each(query, row->misses, false);
	goes_query_free(query);
}

int
main(void)
{
	return RUN_ROWS(cases, run_case, NULL, NULL);
}
