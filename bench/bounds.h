/*
 * bounds.h
 *	  What the parts of the program share, grouped by the file that defines it.
 */
#ifndef BOUNDS_H
#define BOUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

/* PostgreSQL's own types have the same OIDs in every database. */
#define INT8_OID 20
#define INT4_OID 23
#define TEXT_OID 25
#define UUID_OID 2950
#define JSONB_OID 3802

#define UUID_LENGTH 16
#define AGGREGATE_NAME "shop.order"

/* A value as it goes over the wire. */
typedef struct Buffer
{
	char  *data;
	size_t length;
	size_t room;
} Buffer;

typedef struct Event
{
	unsigned char id[UUID_LENGTH];
	int64_t		  time;
	unsigned char aggregate_id[UUID_LENGTH];
	int32_t		  aggregate_version;
	char		  data[256];
} Event;

/* One of the two things that take turns; which turn it is makes it store other events. */
typedef struct Side
{
	void (*run)(PGconn *connection, const struct Side *side, int turn);
	const char *statement;
	int			count; /* of events a call */
	int			calls; /* a turn */
} Side;

/* What two sides took, in seconds of a processor a call. */
typedef struct Cost
{
	double ours;
	double theirs;
} Cost;

/* What is measured: the backend's time of a processor, or the time until the answer is there. */
typedef double (*Clock)(PGconn *connection);

/* bounds.c: what is printed */
extern void report(const char *what, const char *measured, const char *target, bool is_met);
extern void detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* bounds_client.c: talking to the server, clock and memory */
extern void	   die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
extern PGconn *connect_to_server(void);
extern void	   check_result(PGconn *connection, PGresult *result, ExecStatusType expected);
extern void run(PGconn *connection, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern PGresult *query(PGconn *connection, const char *text);
extern Oid		 type_oid(PGconn *connection, const char *name);
extern void		 prepare(PGconn *connection, const char *name, const char *text, int type_count,
						 const Oid *types);
extern void		 share_processor(PGconn *connection, bool is_shared);
extern long		 memory_of(PGconn *connection);
extern double	 cpu_of(PGconn *connection);
extern double	 seconds_now(void);
extern void		 pause_for(int milliseconds);
extern int		 compare_numbers(const void *left, const void *right);
extern double	 median(double *values, int count);
extern double	 median_of_turns(const double *values, int count);
extern uint64_t	 random_number(void);

/* bounds_turns.c: two sides that take turns in one backend */
#define MOST_TURNS 200

extern double answer_clock(PGconn *connection);
extern double cost_of(PGconn *connection, Clock clock, const Side *side, int turn);
extern Cost	  compare_sides(PGconn *connection, Clock clock, const Side *ours, const Side *theirs,
							int turns);
extern void	  report_cost(const char *what, Cost cost, const char *against, double most);
extern void	  run_prepared(PGconn *connection, const Side *side, int turn);

/* bounds_encode.c: events in binary */
extern void make_batch(Event *events, int count, int batch);
extern void encode_array(Buffer *buffer, Oid event_type, const Event *events, int count);
extern void encode_copy(Buffer *buffer, const Event *events, int count);

/* bounds_insert.c: prepared statements with binary parameters, the bare INSERT among them */
extern const char *big_endian(char *bytes, int size, uint64_t number);
extern double	   time_prepared(PGconn *connection, const char *statement, int count,
								 const char *const *values, const int *lengths, ExecStatusType expected);
extern void		   prepare_bare(PGconn *connection, const char *name, const char *table);
extern double	   time_bare(PGconn *connection, const char *statement, const Event *event);

/* one file for each bound */
extern void measure_batches(void);
extern void measure_aggregate(void);
extern void measure_appends(void);
extern void measure_append_batches(void);
extern void measure_append_each(void);
extern void measure_load(void);
extern void measure_memory(void);
extern void measure_libgoes(void);
extern void measure_instructions(void);
extern void measure_loops(void);
extern void measure_drivers(void);
extern void measure_feed(void);
extern void measure_feed_waits(void);
extern void measure_follow(void);
extern void measure_tool(void);
extern void measure_subscriptions(void);
extern void measure_subscription_waits(void);
extern void measure_writer(void);

#endif
