/*
 * shop.c
 *    A shop that keeps its stock as events: libgoes in about two hundred lines.
 *
 *        cc -o shop shop.c $(pkg-config --cflags --libs libgoes libpq)
 *        POSTGRES_EVENTSTORE=postgres://localhost ./shop
 *
 * An article is an aggregate. "article.stocked" and "article.sold" are what happens to it, and its
 * stock is what these events add up to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <goes.h>
#include <libpq-fe.h>

/* An article as its events make it. */
typedef struct Article
{
	goes_uuid id;
	int32_t	  version; /* of its newest event */
	int		  stock;
} Article;

/* Ends the program unless a call succeeded. */
static void
require(int status, goes_error **error)
{
	if (status >= GOES_OK)
		return;
	fprintf(stderr, "shop: %s: %s\n", goes_status_text(status), goes_error_message(*error));
	exit(1);
}

/* Loads an article: replays its events in their order. */
static Article
load(goes_store *store, goes_uuid id)
{
	Article			  article = {.id = id};
	goes_query		 *query = goes_query_new();
	goes_cursor		 *events;
	const goes_event *event;
	goes_error		 *error = NULL;
	int				  status;

	goes_query_aggregate(query, "article", &id);
	goes_query_sort(query, GOES_SORT_AGGREGATE_VERSION, GOES_ASC);
	require(goes_query_run(store, query, &events, NULL, &error), &error);
	while ((status = goes_cursor_next(events, &event, &error)) == GOES_EVENT)
	{
		int pieces = 0; /* a larger program has a JSON library, and a goes_codec */

		sscanf(event->data, "{\"pieces\": %d}", &pieces);
		article.stock += strcmp(event->name, "article.sold") == 0 ? -pieces : pieces;
		article.version = event->aggregate_version;
	}
	require(status, &error);
	goes_cursor_close(events);
	goes_query_free(query);
	return article;
}

/* Stores what happened as the article's next version, if it is still at the one that was loaded. */
static int
record(goes_store *store, const Article *article, const char *name, int pieces, goes_error **error)
{
	char	   data[32];
	goes_event event;

	snprintf(data, sizeof data, "{\"pieces\": %d}", pieces);
	goes_event_init(&event, name, data);
	return goes_append(store, "article", &article->id, &event, 1, article->version, NULL, error);
}

/* Sells pieces of an article as the seller saw it. Who saw an old version looks and decides again. */
static void
sell(goes_store *store, const char *seller, Article article, int pieces)
{
	while (article.stock >= pieces)
	{
		goes_conflict conflict = {.size = sizeof conflict};
		goes_error	 *error = NULL;
		int			  status = record(store, &article, "article.sold", pieces, &error);

		if (status != GOES_ERR_CONFLICT)
		{
			require(status, &error);
			printf("%s sold %d\n", seller, pieces);
			return;
		}
		goes_error_conflict(error, &conflict);
		printf("%s saw version %d, by now it is %d: %s\n", seller, article.version,
			   conflict.current_version, goes_status_text(status));
		goes_error_free(error);
		article = load(store, article.id);
	}
	printf("%s cannot sell %d: only %d left\n", seller, pieces, article.stock);
}

/* Stocks an article and writes the invoice, a row in a table of the shop's own: both or neither. */
static void
deliver(goes_store *store, const Article *article, const char *pieces)
{
	goes_tx	   *tx;
	goes_error *error = NULL;

	require(goes_tx_begin(store, &tx, NULL, &error), &error);
	require(record(goes_tx_store(tx), article, "article.stocked", atoi(pieces), &error), &error);
	PQclear(PQexec(goes_tx_conn(tx), "CREATE TABLE IF NOT EXISTS shop_invoice (pieces integer)"));
	PQclear(PQexecParams(goes_tx_conn(tx), "INSERT INTO shop_invoice VALUES ($1)", 1, NULL, &pieces,
						 NULL, NULL, 0));
	require(goes_tx_commit(tx, NULL, &error), &error); /* fails if one of the statements did */
	printf("%s delivered, and an invoice written\n", pieces);
}

/* An order, and what is added to it. */
typedef struct Addition
{
	goes_uuid order;
	int		  pieces;
} Addition;

/* Stores that pieces were added to an order, and adds them up in its summary: in one transaction. */
static int
add(goes_tx *tx, const char *summary, char **new_summary, void *user)
{
	const Addition *addition = user;
	char			data[32];
	goes_event		event;
	int				pieces = 0;
	int				status;

	snprintf(data, sizeof data, "{\"pieces\": %d}", addition->pieces);
	goes_event_init(&event, "order.added", data);
	status = goes_append(goes_tx_store(tx), "order", &addition->order, &event, 1, GOES_EXPECT_ANY,
						 NULL, NULL);
	if (status != GOES_OK)
		return status;
	sscanf(summary, "{\"pieces\": %d}", &pieces);
	pieces += addition->pieces;
	if (pieces > 5)
		return GOES_ERR_HOOK; /* then the event is not stored, either */
	*new_summary = malloc(sizeof data);
	if (*new_summary == NULL)
		return GOES_ERR_NOMEM;
	snprintf(*new_summary, sizeof data, "{\"pieces\": %d}", pieces);
	return GOES_OK;
}

/* Adds pieces to an order. Its summary is a read model: it always says what the events add up to. */
static void
add_to_order(goes_store *store, goes_uuid order, int pieces)
{
	Addition	addition = {order, pieces};
	char		id[37];
	char	   *summary;
	goes_error *error = NULL;
	int			status;

	goes_uuid_format(&order, id);
	status =
		goes_model_use(store, "shop_orders", id, "{\"pieces\": 0}", add, &addition, NULL, &error);
	if (status == GOES_ERR_HOOK)
		printf("%d are too many for an order\n", pieces);
	else
		require(status, &error);
	goes_error_free(error);
	error = NULL;
	require(goes_model_fetch(store, "shop_orders", id, &summary, NULL, &error), &error);
	printf("The order is %s\n", summary);
	goes_free(summary);
}

/* A hook: whoever has said LISTEN shop hears of new events, but not of those that are undone. */
static int
announce(goes_tx *tx, const goes_event *events, size_t n, void *user)
{
	PGresult	  *result = PQexec(goes_tx_conn(tx), "NOTIFY shop");
	ExecStatusType status = PQresultStatus(result);

	(void) user;
	for (size_t i = 0; i < n; i++)
		printf("    %d %s %s\n", events[i].aggregate_version, events[i].name, events[i].data);
	PQclear(result);
	return status == PGRES_COMMAND_OK ? GOES_OK : GOES_ERR_HOOK;
}

int
main(void)
{
	goes_store *store;
	goes_error *error = NULL;
	Article		lamp = {0};
	goes_uuid	order;

	require(goes_store_open(&store, NULL, &error), &error); /* on $POSTGRES_EVENTSTORE */
	require(goes_store_add_hook(store, GOES_POST_INSERT, announce, NULL), &error);

	goes_uuid_v7(&lamp.id);
	deliver(store, &lamp, "10");
	lamp = load(store, lamp.id);
	printf("Anna, Bob and Carl see %d lamps, at version %d\n", lamp.stock, lamp.version);
	sell(store, "Anna", lamp, 7);
	sell(store, "Bob", lamp, 2);
	sell(store, "Carl", lamp, 3);

	goes_uuid_v7(&order);
	add_to_order(store, order, 2);
	add_to_order(store, order, 1);
	add_to_order(store, order, 4);
	goes_store_close(store);
	return 0;
}
