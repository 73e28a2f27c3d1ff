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
extern double	 seconds_now(void);
extern void		 pause_for(int milliseconds);
extern double	 median(double *values, int count);
extern double	 median_of_turns(const double *values, int count);
extern uint64_t	 random_number(void);

/* bounds_encode.c: events in binary */
extern void make_batch(Event *events, int count, int batch);
extern void encode_array(Buffer *buffer, Oid event_type, const Event *events, int count);
extern void encode_copy(Buffer *buffer, const Event *events, int count);

/* one file for each bound */
extern void measure_batches(void);
extern void measure_aggregate(void);
extern void measure_appends(void);
extern void measure_load(void);
extern void measure_memory(void);
extern void measure_libgoes(void);
extern void measure_instructions(void);
extern void measure_loops(void);

#endif
