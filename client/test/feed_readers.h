/*
 * feed_readers.h
 *    Threads that follow a store in all ways that there are, each with cursors that note what they got.
 */
#ifndef GOES_TEST_FEED_READERS_H
#define GOES_TEST_FEED_READERS_H

#include "feed.h"

/* A reader's place in the feed, and all that it got. */
typedef struct FeedCursor
{
	bool	 wants_copied; /* only events with that name */
	int64_t	 position;
	char	 id[40]; /* of the event there; empty if there is none */
	int64_t *got;
	size_t	 count;
	size_t	 room;
	long	 doubled;
	long	 disordered;
} FeedCursor;

/*
 * was_got tells whether a cursor has had a position before.
 */
static inline bool
was_got(const FeedCursor *cursor, int64_t position)
{
	for (size_t i = cursor->count; i > 0; i--)
	{
		if (cursor->got[i - 1] == position)
			return true;
	}
	return false;
}

/*
 * note_event adds an event to what a cursor got.
 */
static inline void
note_event(FeedCursor *cursor, int64_t position)
{
	if (cursor->count > 0 && position <= cursor->got[cursor->count - 1])
	{
		if (was_got(cursor, position))
			cursor->doubled++;
		else
			cursor->disordered++;
	}
	if (cursor->count == cursor->room)
	{
		cursor->room = cursor->room * 2 + 1024;
		cursor->got = realloc(cursor->got, cursor->room * sizeof *cursor->got);
		if (cursor->got == NULL)
			abort();
	}
	cursor->got[cursor->count++] = position;
}

/*
 * note_page notes a page of goes_feed, whose last row is the cursor. It tells whether that has moved.
 */
static inline bool
note_page(FeedCursor *cursor, const PGresult *page)
{
	int		last = PQntuples(page) - 1;
	int64_t before = cursor->position;

	for (int row = 0; row < last; row++)
		note_event(cursor, strtoll(PQgetvalue(page, row, 0), NULL, 10));
	cursor->position = strtoll(PQgetvalue(page, last, 0), NULL, 10);
	snprintf(cursor->id, sizeof cursor->id, "%s", PQgetvalue(page, last, 1));
	return cursor->position > before;
}

/*
 * ask_page asks for the page behind a cursor.
 */
static inline PGresult *
ask_page(Session *session, const FeedCursor *cursor, int wait_ms)
{
	bool has_id = cursor->id[0] != '\0' && happens(session, 70);

	return ask(session,
			   "SELECT position, id FROM goes_feed(%lld, max_events => %d, wait_ms => %d%s%s%s%s)",
			   (long long) cursor->position, 1 + below(session, happens(session, 50) ? 10 : 1000),
			   wait_ms, cursor->wants_copied ? ", names => '{copied}'" : "",
			   has_id ? ", after_id => '" : "", has_id ? cursor->id : "", has_id ? "'" : "");
}

/*
 * read_page reads on from a cursor. It tells whether that has moved.
 */
static inline bool
read_page(Session *session, FeedCursor *cursor, int wait_ms)
{
	PGresult *page = ask_page(session, cursor, wait_ms);
	bool	  has_moved = page != NULL && note_page(cursor, page);

	PQclear(page);
	return has_moved;
}

/*
 * read_by_position reads on in two statements, as one does who wants other columns. It tells whether
 * the cursor has moved.
 */
static inline bool
read_by_position(Session *session, FeedCursor *cursor)
{
	char	  text[128];
	int64_t	  drawn = ask_number(session, "SELECT pg_sequence_last_value('events_position_seq')");
	int64_t	  settled;
	PGresult *events;
	bool	  has_moved;

	snprintf(text, sizeof text, "SELECT goes_feed_position(%lld)", (long long) cursor->position);
	settled = ask_number(session, text);
	if (settled < drawn)
		atomic_fetch_add(&done[HELD], 1);
	events = ask(session,
				 "SELECT position FROM events WHERE position > %lld AND position <= %lld "
				 "ORDER BY position",
				 (long long) cursor->position, (long long) settled);
	for (int row = 0; events != NULL && row < PQntuples(events); row++)
		note_event(cursor, strtoll(PQgetvalue(events, row, 0), NULL, 10));
	PQclear(events);
	has_moved = !has_failed() && settled > cursor->position;
	if (has_moved)
		cursor->position = settled;
	return has_moved;
}

/*
 * drain reads what is left when nobody writes any more.
 */
static inline void
drain(Session *session, FeedCursor *cursor)
{
	while (read_page(session, cursor, 0))
		;
}

/* A reader: what it does until the writers have ended. */
typedef struct FeedReader
{
	void (*look)(struct FeedReader *reader);
	const char *name;
	int			cursor_count;
	bool		wants_copied;
	bool		is_writer;
	Session		session;
	FeedCursor	cursors[6];
} FeedReader;

/* A look of a reader that polls without a pause. */
static inline void
look_eagerly(FeedReader *reader)
{
	(void) read_page(&reader->session, &reader->cursors[0], 0);
}

static inline void
look_seldom(FeedReader *reader)
{
	(void) read_page(&reader->session, &reader->cursors[0], 0);
	rest(&reader->session, 500);
}

static inline void
look_and_wait(FeedReader *reader)
{
	(void) read_page(&reader->session, &reader->cursors[0], 1 + below(&reader->session, 500));
}

static inline void
look_by_position(FeedReader *reader)
{
	(void) read_by_position(&reader->session, &reader->cursors[0]);
	rest(&reader->session, 2);
}

/*
 * look_from_several serves several cursors in one session, each at its own pace, so that each meets
 * what the session has learned from others. SELECT from a sequence may show a number that is only
 * being written to WAL, ahead of those drawn; pg_sequence_last_value does not.
 */
static inline void
look_from_several(FeedReader *reader)
{
	Session *session = &reader->session;

	for (int i = 0; i < reader->cursor_count; i++)
	{
		if (happens(session, 60 >> i))
			(void) read_page(session, &reader->cursors[i], 0);
	}
	if (happens(session, 50))
		(void) ask_number(
			session, "SELECT goes_feed_position(pg_sequence_last_value('events_position_seq'))");
	rest(session, 3);
}

/*
 * look_in_transaction reads several pages in a transaction.
 */
static inline void
look_in_transaction(FeedReader *reader)
{
	act(&reader->session, happens(&reader->session, 50) ? "BEGIN READ ONLY" : "BEGIN");
	for (int i = below(&reader->session, 5); i >= 0; i--)
	{
		(void) read_page(&reader->session, &reader->cursors[0], 0);
		rest(&reader->session, 3);
	}
	act(&reader->session, "COMMIT");
}

/*
 * look_after_restart ends the session every now and then, mostly after a page that it has no more
 * time to note.
 */
static inline void
look_after_restart(FeedReader *reader)
{
	Session *session = &reader->session;

	for (int i = below(session, 20); i >= 0; i--)
	{
		(void) read_page(session, &reader->cursors[0], 0);
		rest(session, 10);
	}
	if (happens(session, 70))
		PQclear(ask_page(session, &reader->cursors[0], 0));
	PQreset(session->connection);
	atomic_fetch_add(&done[RESTARTS], 1);
}

/*
 * look_anew looks once in each session. It must not stay behind because it knows of nobody.
 */
static inline void
look_anew(FeedReader *reader)
{
	FeedCursor *cursor = &reader->cursors[0];
	size_t		before = cursor->count;

	(void) read_page(&reader->session, cursor, 0);
	atomic_fetch_add(&done[READ_ANEW], (long) (cursor->count - before));
	PQreset(reader->session.connection);
	rest(&reader->session, 50);
}

/*
 * look_and_write stores events in the transactions in which it reads. Those are not settled before
 * the transaction ends.
 */
static inline void
look_and_write(FeedReader *reader)
{
	Session	   *session = &reader->session;
	FeedCursor *cursor = &reader->cursors[0];
	bool		is_committed = happens(session, 70);

	act(session, "BEGIN");
	(void) read_page(session, cursor, 0);
	act(session, "INSERT INTO events (id, name, time) VALUES (gen_random_uuid(), 'answer', 1)");
	for (int i = 0; i < 2; i++)
	{
		(void) read_page(session, cursor, 50);
		rest(session, 10);
	}
	act(session, is_committed ? "COMMIT" : "ROLLBACK");
	atomic_fetch_add(&done[STORED], is_committed ? 1 : 0);
}

static inline void *
read_events(void *argument)
{
	FeedReader *reader = argument;

	while (!has_failed() &&
		   (reader->is_writer ? !atomic_load(&is_over) : atomic_load(&writing) > 0))
		reader->look(reader);
	if (reader->is_writer)
		atomic_fetch_sub(&writing, 1);
	while (!has_failed() && atomic_load(&writing) > 0)
		usleep(1000);
	for (int i = 0; i < reader->cursor_count; i++)
		drain(&reader->session, &reader->cursors[i]);
	PQfinish(reader->session.connection);
	return NULL;
}

#endif
