/*
 * internal.h
 *    What the rooms of libgoes offer each other, grouped by the file that defines it. A room asks
 *    only rooms further down this list.
 */
#ifndef GOES_INTERNAL_H
#define GOES_INTERNAL_H

#include <endian.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/types.h>

#include <libpq-fe.h>

#include "goes.h"

#define NANOSECONDS_PER_MILLISECOND INT64_C(1000000)
#define MILLISECONDS_PER_SECOND 1000

/* ---- buffer.c: bytes that grow; a failed allocation sticks, so that only the end checks it */

typedef struct Buffer
{
	char  *data;
	size_t length;
	size_t room;
	bool   failed;
} Buffer;

char *buffer_grow(Buffer *buffer, size_t more);
void  buffer_text(Buffer *buffer, const char *text);
void  buffer_format(Buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void  buffer_put_int32(Buffer *buffer, size_t position, int32_t value);
char *buffer_string(Buffer *buffer); /* ends it with a zero byte; NULL if it failed */
void  buffer_free(Buffer *buffer);

/*
 * buffer_place returns where so many more bytes, and a zero byte, can be written; NULL if it failed. This
 * and the next ones are here because they are most of what encoding an event is.
 */
static inline char *
buffer_place(Buffer *buffer, size_t more)
{
	if (more < buffer->room - buffer->length && !buffer->failed)
		return buffer->data + buffer->length;
	return buffer_grow(buffer, more);
}

static inline void
buffer_append(Buffer *buffer, const void *bytes, size_t length)
{
	char *place = buffer_place(buffer, length);

	if (place == NULL)
		return;
	if (length > 0)
		memcpy(place, bytes, length);
	buffer->length += length;
}

static inline void
buffer_int32(Buffer *buffer, int32_t value)
{
	uint32_t network = htobe32((uint32_t) value);

	buffer_append(buffer, &network, sizeof network);
}

static inline void
buffer_int64(Buffer *buffer, int64_t value)
{
	uint64_t network = htobe64((uint64_t) value);

	buffer_append(buffer, &network, sizeof network);
}

/* ---- error.c */

/* Details that only some errors have. */
typedef struct ErrorDetails
{
	const char			*sqlstate; /* NULL: none */
	int64_t				 event_index;
	const goes_conflict *conflict;	 /* NULL: none */
	bool				 is_foreign; /* what a trigger, or the like, ran into on the server */
	bool				 is_final;	 /* doing it again would fail again, whatever the status */
} ErrorDetails;

int fail(goes_error **err, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int fail_event(goes_error **err, int status, int64_t event_index, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int fail_sqlstate(goes_error **err, int status, const char *sqlstate, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int fail_detailed(goes_error **err, int status, ErrorDetails details, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int			 copy_error(goes_error **err, const goes_error *error);
ErrorDetails error_details(const goes_error *error); /* they live as long as the error */
int			 fail_memory(goes_error **err);
int			 pass_error(goes_error **err, goes_error *error, int status); /* takes the error over */
bool		 has_sqlstate(const goes_error *error, const char *list);	  /* separated by spaces */
bool		 has_own_sqlstate(const goes_error *error, const char *list); /* and is not foreign */
int			 status_of_sqlstate(const char *sqlstate);
bool		 is_status(int status);

/* ---- conflict.c: the details of VE001, which is one JSON object */

/*
 * Reads them; the name goes to the buffer, which is to be freed. Anything else that a server may send
 * is false, too.
 */
bool read_conflict(const char *json, goes_conflict *conflict, int64_t *event_index, Buffer *name);

/* ---- deadline.c: when a call has to be over */

typedef struct Deadline
{
	int64_t		 at; /* of the monotonic clock, nanoseconds; INT64_MAX: never */
	goes_cancel *cancel;
} Deadline;

int64_t	 monotonic_now(void);
Deadline deadline_in(int64_t timeout_ms, goes_cancel *cancel);
int64_t	 deadline_left_ms(const Deadline *deadline);
bool	 deadline_passed(const Deadline *deadline);
int		 deadline_check(const Deadline *deadline, goes_error **err);
bool	 is_cancelled(const goes_cancel *cancel);
int		 wait_socket(int socket, bool for_reading, bool for_writing, const Deadline *deadline,
					 goes_error **err);

/* ---- lock.c: a mutex, and a condition that threads wait for */

int	 lock_init(pthread_mutex_t *lock, pthread_cond_t *condition);
void lock_wait(pthread_mutex_t *lock, pthread_cond_t *condition,
			   const Deadline *deadline); /* for the condition, the deadline, or a little; held */

/* ---- uuid.c */

static inline bool
is_nil(const goes_uuid *id)
{
	static const goes_uuid nil;

	return memcmp(id, &nil, sizeof nil) == 0;
}

/* ---- random.c: random bytes, a few at a time; false: the kernel has none */

bool random_bytes(void *out, size_t length);

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

int	 encode_events(Buffer *buffer, Oid event_type, const goes_event *events, size_t n,
				   const Deadline *deadline, goes_error **err);
int	 encode_data_array(Buffer *buffer, const goes_event *events, size_t n, const Deadline *deadline,
					   goes_error **err);
void encode_text_array(Buffer *buffer, char *const *values, size_t n);
void encode_uuid_array(Buffer *buffer, const goes_uuid *values, size_t n);
void encode_int64_array(Buffer *buffer, const int64_t *values, size_t n);
void encode_int32_array(Buffer *buffer, const int32_t *values, size_t n);
void encode_reference_array(Buffer *buffer, Oid reference_type, const Reference *values, size_t n);
void encode_range_array(Buffer *buffer, Oid range_type, int width, const Range *values, size_t n);

/* ---- check.c: what no store could have */

/* What fits into one message, and one value, with some room. */
#define MOST_BYTES (0x3fffffff - 1024)

int require_event(const goes_event *event, int64_t index, size_t *name_bytes,
				  goes_error **err); /* and how many bytes its names have */
int require_events(const goes_event *events, size_t n, goes_error **err);

/* ---- decode.c: PostgreSQL's binary formats, in */

#define EVENT_COLUMNS 7
#define SNAPSHOT_COLUMNS 5 /* aggregate id and name, version, time, state */

int decode_event(const PGresult *result, int row, goes_event *event, goes_error **err);
int decode_snapshot(const PGresult *result, int row, const int columns[SNAPSHOT_COLUMNS],
					goes_snapshot *snapshot, goes_error **err); /* the columns that it is in */
int decode_model(const PGresult *result, const char **json, goes_error **err);
extern const int snapshot_columns[SNAPSHOT_COLUMNS]; /* of a row that is a goes_snapshot */
int				 decode_int64(const char *bytes, int length, int64_t *out);
int				 decode_int32(const char *bytes, int length, int32_t *out);

#endif
