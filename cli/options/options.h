/*
 * options.h
 *    Options that several commands have, and what they lead to: a store, a query, a way to show things.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <argp.h>
#include <libpq-fe.h>

#include "show/show.h"

/* Can a text only be a number, and no word? */
bool is_numeral(const char *text);

/* Reads a number of an option or an argument; ends the tool if it is none, or out of range. */
int64_t number_between(const struct argp_state *state, const char *text, int64_t least,
					   int64_t most);

/* Reads a UUID or a time; ends the tool if it is none. */
goes_uuid uuid_of(const struct argp_state *state, const char *text);
int64_t	  time_of(const struct argp_state *state, const char *text);

/* ---- connection.c: --url, --database, --table, --connect-timeout, --timeout */

extern const struct argp connection_options;

/* The table's name, as the options or libgoes' defaults have it. */
const char *store_table(void);

/* Opens the store and connects. `creates`: makes what is missing, which only `goes init` does. */
goes_store *open_store(bool creates);

/* Connects to the store's database without looking at the store. */
goes_pool *open_database(void);

/* ---- sql.c: what libgoes has no call for */

/*
 * Runs a statement on one connection lent by a pool, which is kept, and returns its rows. Any @ in it
 * stands for the extension's schema and a dot. Ends the tool if it fails.
 */
PGresult *ask(goes_pool *pool, const char *text, int count, const char *const *parameters);

/* Runs statements as they stand. A failure is only shown. */
bool try_to_run(goes_pool *pool, const char *text);

/* ---- result.c */

/* Shows rows as a table or as lines of JSON, keyed by the names of the columns. */
void show_result(const PGresult *result, const Format *format);

/* Writes a row as the members of a JSON object, without its braces. */
void write_json_members(FILE *file, const PGresult *result, int row);

/* ---- format.c: --json, --pretty */

extern const struct argp format_options;
const Format			*chosen_format(void);

/* ---- filters.c: what goes_query filters by */

extern const struct argp filter_options;

/* The query of the filters, and whether it asks for ids. */
goes_query *chosen_query(void);
bool		asks_for_ids(void);
bool		has_filters(void);

/* ---- children.c: these options, as a command has them */

extern const struct argp_child connection_children[];
extern const struct argp_child format_children[]; /* and of the connection */
extern const struct argp_child filter_children[]; /* and of both */

#endif
