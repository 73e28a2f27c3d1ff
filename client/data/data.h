/*
 * data.h
 *    Events, snapshots and queries as data: what they must be, and PostgreSQL's binary formats.
 */
#ifndef GOES_DATA_H
#define GOES_DATA_H

#include "base/base.h"

/* ---- conflict.c: the details of VE001, which is one JSON object */

/*
 * Reads them; the caller frees the buffer, which has the name. Returns false for any other text.
 */
bool read_conflict(const char *json, goes_conflict *conflict, int64_t *event_index, Buffer *name);

/* ---- uuid.c */

static inline bool
is_nil(const goes_uuid *id)
{
	static const goes_uuid nil;

	return memcmp(id, &nil, sizeof nil) == 0;
}

/* ---- snapshot.c */

/* One allocation, freed by goes_snapshot_free; NULL without memory. */
goes_snapshot *snapshot_copy(const goes_snapshot *snapshot);

/* ---- encode.c: PostgreSQL's binary formats, out */

/* From `first` to `last`, both included. */
typedef struct Range
{
	int64_t first;
	int64_t last;
} Range;

/* A reference to an aggregate; a nil id means any of that name. */
typedef struct Reference
{
	char	 *name;
	goes_uuid id;
} Reference;

/* One of many appends that are sent together. */
typedef struct AppendItem
{
	const char		 *aggregate_name;
	const goes_uuid	 *aggregate_id;
	const goes_event *events;
	size_t			  n;
	int32_t			  expected_version;
} AppendItem;

/* Its types, as the server numbers them. */
typedef struct AppendTypes
{
	Oid item;
	Oid event;
	Oid event_array;
} AppendTypes;

int	 encode_events(Buffer *buffer, Oid event_type, const goes_event *events, size_t n,
				   const Deadline *deadline, goes_error **err);
int	 encode_data_array(Buffer *buffer, const goes_event *events, size_t n, const Deadline *deadline,
					   goes_error **err);
void encode_append_start(Buffer *buffer, const AppendTypes *types, size_t n); /* n items follow */
int	 encode_append_item(Buffer *buffer, const AppendTypes *types, const AppendItem *item,
						const Deadline *deadline, goes_error **err);
void encode_text_array(Buffer *buffer, char *const *values, size_t n);
void encode_uuid_array(Buffer *buffer, const goes_uuid *values, size_t n);
void encode_int64_array(Buffer *buffer, const int64_t *values, size_t n);
void encode_int32_array(Buffer *buffer, const int32_t *values, size_t n);
void encode_reference_array(Buffer *buffer, Oid reference_type, const Reference *values, size_t n);
void encode_range_array(Buffer *buffer, Oid range_type, int width, const Range *values, size_t n);

/* ---- check.c: events that no store can take */

/* What fits into one message and one value, with some room to spare. */
#define MOST_BYTES (0x3fffffff - 1024)

int require_event(const goes_event *event, int64_t index, size_t *name_bytes,
				  goes_error **err); /* also returns the bytes of its names */
int require_events(const goes_event *events, size_t n, goes_error **err);

/* ---- decode.c: PostgreSQL's binary formats, in */

#define EVENT_COLUMNS 7
#define SNAPSHOT_COLUMNS 5 /* aggregate id and name, version, time, state */

int decode_event(const PGresult *result, int row, goes_event *event, goes_error **err);
int decode_event_at(const PGresult *result, int row, int first, goes_event *event,
					goes_error **err); /* `first`: the place of its id */
int decode_snapshot(const PGresult *result, int row, const int columns[SNAPSHOT_COLUMNS],
					goes_snapshot *snapshot,
					goes_error	 **err); /* `columns`: where its fields are */
int decode_model(const PGresult *result, const char **json, goes_error **err);
extern const int snapshot_columns[SNAPSHOT_COLUMNS]; /* of a row that is a goes_snapshot */
int				 decode_int64(const char *bytes, int length, int64_t *out);
int				 decode_int32(const char *bytes, int length, int32_t *out);

/* ---- decode_page.c: a page of a feed, packed */

/* A place in a feed. */
typedef struct Place
{
	int64_t	  position;
	goes_uuid id; /* of the newest event up to there; nil: unknown */
} Place;

/* A page, and where its next event is; they point into its result. */
typedef struct FeedPage
{
	PGresult   *values;
	int			value; /* that has the next event, */
	const char *next;  /* here; both are equal behind the last event */
	const char *end;   /* of the value's events */
} FeedPage;

int	 decode_page(PGresult *values, FeedPage *page, Place *end, goes_error **err);
bool page_is_over(FeedPage *page); /* has it no more events? */
int	 decode_next(FeedPage *page, goes_event *event, Place *place, goes_error **err);

#endif
