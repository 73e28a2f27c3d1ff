/*
 * goes_bench.h
 *	  What the parts of goes_bench share, grouped by the file that defines it.
 *
 * The program has two sides. The conductor runs the scenarios, and lets the participants take turns. A
 * participant is a program of its own, which does a turn when it is told to on its standard input:
 * those in C are this program once more (--participant), those of bench/peers/ speak the same
 * protocol, which bench/README.md describes.
 */
#ifndef GOES_BENCH_H
#define GOES_BENCH_H

#include <stdio.h>
#include <sys/types.h>

#include "bounds.h"
#include "goes.h"

#define MOST_CLIENTS 64
#define MOST_COUNT 1000
#define MOST_PARTICIPANTS 16
#define MOST_ROUNDS 100
#define MOST_READ 100000 /* events that "everything" reads, however many there are */
#define COMMON_READ 1000 /* events that "common" reads */
#define RARE_STORED 100	 /* events that have the rare name */

#define COMMON_NAME "order.item_added"
#define RARE_NAME "order.disputed"

typedef struct Numbers
{
	double *values;
	size_t	count;
	size_t	room;
} Numbers;

/* ---- The participant's side ---- */

/* What a turn is, as the conductor says it. */
typedef struct Turn
{
	const char *scenario;
	int			clients;
	int			count; /* of events: a call's, or an aggregate's */
	double		seconds;
	long		size; /* of the store, when it was filled */
	goes_uuid	hot;  /* of "hot": the aggregate that all clients write */
} Turn;

/* A client: a thread with a connection of its own. */
typedef struct Client
{
	const struct Participant *participant;
	void					 *link; /* what the participant has made to talk to the server */
	const Turn				 *turn;
	uint64_t				  random;
	goes_uuid				  stream;  /* of "append": the aggregate that it writes */
	int						  version; /* of that aggregate */
	double					  start;
	double					  end;
	long					  events;
	Numbers					  latencies; /* in microseconds */
} Client;

/* An operation returns how many events it has read or stored. */
typedef long (*Operation)(Client *client);

typedef struct Work
{
	const char *scenario;
	Operation	operation;
} Work;

/* A way to use the store. */
typedef struct Participant
{
	const char *name;
	void *(*connect)(const char *url);
	void (*begin_following)(void *link);			/* from now on; NULL: it cannot */
	long (*follow)(void *link, Numbers *latencies); /* returns how many events have come */
	Work works[12];
} Participant;

/* goes_bench_serve.c: the protocol */
extern int serve(const char *name, int delay);

/* goes_bench_turn.c: clients and their turns */
extern void take_turn(const Participant *participant, const char *url, Turn *turn, int delay);

/* goes_bench_fill.c: what a store has */
extern void		 fill_store(const char *url, long size);
extern goes_uuid stored_aggregate(int length, long number);
extern long		 stored_aggregates(long size, int length);
extern goes_uuid stored_id(long number);
extern uint64_t	 next_random(Client *client);
extern void		 make_events(Client *client, Event *events, int count);
extern void		 make_aggregate(Client *client, Event *events);
extern void		 make_first_event(Client *client, Event *event);
extern void		 keep(Numbers *numbers, double value);
extern void		 keep_delay(Numbers *latencies, const char *data);

/* one file for each way to use the store */
extern const Participant with_libgoes;
extern const Participant with_shared_commits;
extern const Participant with_sql;
extern const Participant with_bare;
extern const Participant with_copy;
extern const Participant with_unnest;

/* goes_bench_libgoes.c */
extern void		   require(int status, goes_error *error);
extern goes_store *open_table(const char *url, const char *table, bool coalesces);
extern long		   append_events(goes_store *store, const goes_uuid *aggregate, const Event *made,
								 int count, int expected);

/* goes_bench_rows.c: statements with binary parameters, and rows that are read one after the other */
typedef struct Link
{
	PGconn *connection;
	Buffer	buffer;
	Oid		event_type;
} Link;

extern Link *open_link(const char *url);
extern long	 take_rows(Link *link);
extern long	 read_rows(Link *link, const char *statement, int count, const char *const *values,
					   const int *lengths);
extern void	 store_events(Link *link, const char *statement, const goes_uuid *aggregate,
						  const Event *events, int count, int expected);
extern long	 load_rows(Client *client);
extern long	 find_row(Client *client);

/* ---- The conductor's side ---- */

typedef struct Scenario
{
	const char *name;
	int			clients;
	int			count;
	bool		writes;
	const char *label;
} Scenario;

/* A participant as the conductor has it. */
typedef struct Runner
{
	const char *name;
	const char *command;
	bool		is_ours; /* ours and the references share a store */
	pid_t		process; /* 0: it does not run */
	FILE	   *to;
	FILE	   *from;
	char	   *answer; /* the last one, a line of JSON */
	size_t		room;
	char	   *counting; /* a query for the events that its store has; NULL: ask it */
	long		stored;	  /* events that it has been given */
	pid_t		server;	  /* its own; 0: it is PostgreSQL */
} Runner;

/* What a participant's turns of a scenario were like. */
typedef struct Outcome
{
	Runner *runner;
	char	problem[256]; /* why there is none; empty: there is one */
	double	rates[MOST_ROUNDS];
	int		rounds;
	long	events;
	double	client_cpu;
	double	server_cpu;
	Numbers latencies;
} Outcome;

typedef struct Settings
{
	const char *results; /* JSON lines go there; those that it has are not measured again */
	bool		json;	 /* they go to the standard output, in place of a table */
	double		seconds; /* of a turn */
	int			rounds;
	long		sizes[8];
	int			size_count;
	const char *only; /* the scenarios, with commas; NULL: all */
	Runner		runners[MOST_PARTICIPANTS];
	int			runner_count;
} Settings;

/* goes_bench_scenarios.c */
extern const Scenario scenarios[];
extern int			  scenario_count(void);
extern long			  events_of_operation(const Scenario *scenario, long size);

/* goes_bench_runner.c: talking to participants */
extern void start_runner(Runner *runner, const char *url, long size);
extern void stop_runner(Runner *runner);
extern bool ask_runner(Runner *runner, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
extern bool	 answer_number(const char *answer, const char *key, double *number);
extern char *answer_text(const char *answer, const char *key);
extern void	 answer_numbers(const char *answer, const char *key, Numbers *numbers);

/* goes_bench_cpu.c: who has taken how much of a processor */
extern double cpu_of_process(pid_t process);
extern void	  watch_server(PGconn *connection);
extern double cpu_of_server(void);

/* goes_bench_conduct.c: rounds of turns */
extern void conduct(Settings *settings);

/* goes_bench_results.c: what is printed and kept */
extern bool	  has_result(const Settings *settings, const Scenario *scenario, long size);
extern void	  put_result(const Settings *settings, const Scenario *scenario, long size,
						 const Outcome *outcomes, int count);
extern double quantile(const Numbers *numbers, double share);

/* goes_bench_progress.c */
extern void expect_turns(int count);
extern void show_progress(const Scenario *scenario, long size, int turns_done);
extern void clear_progress(void);

#endif
