/*
 * base.h
 *    What everything else is made of: bytes that grow, errors, deadlines, locks and random bytes.
 */
#ifndef GOES_BASE_H
#define GOES_BASE_H

#include <endian.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/types.h>

#include <libpq-fe.h>

#include "goes.h"

#define NANOSECONDS_PER_MILLISECOND INT64_C(1000000)
#define MILLISECONDS_PER_SECOND 1000
#define NANOSECONDS_PER_SECOND (MILLISECONDS_PER_SECOND * NANOSECONDS_PER_MILLISECOND)

/* How long a call may take to leave a connection as the next user expects it. */
#define CLEAN_UP_MS (MILLISECONDS_PER_SECOND / 2)
#define DRAIN_MS 200 /* for reading the rest of a result */
#define MOST_DRAINED_BYTES (64 * 1024)

#define RETRY_PAUSE_MS 100 /* between attempts to reach a server that was lost */

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
 * buffer_place returns the place for `more` bytes and a zero byte; NULL if the buffer has failed.
 * This function and the next ones are inline because encoding an event spends most of its time in
 * them.
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
	bool				 is_foreign; /* an error inside of a trigger or the like */
	bool				 is_final;	 /* a repetition would fail again, whatever the status */
	int64_t				 lost;		 /* deliveries, of a lease that is lost */
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
bool		 is_in_class(const char *sqlstate, const char *prefix); /* or in a part of one */
bool		 is_status(int status);

/* ---- deadline.c: when a call must be over */

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
int		 cancel_socket(const goes_cancel *cancel);
bool	 socket_is_ready(int socket, bool for_reading, bool for_writing);
int		 wait_socket(int socket, bool for_reading, bool for_writing, const Deadline *deadline,
					 goes_error **err);

/* ---- lock.c: a mutex, and a condition that threads wait for */

int	 lock_init(pthread_mutex_t *lock, pthread_cond_t *condition);
int	 condition_init(pthread_cond_t *condition); /* another one for the same lock */
void lock_wait(pthread_mutex_t *lock, pthread_cond_t *condition,
			   const Deadline *deadline); /* for the condition, the deadline, or a little; held */

/* ---- random.c: a few random bytes; false if the kernel gives none */

bool random_bytes(void *out, size_t length);

#endif
