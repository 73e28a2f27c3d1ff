/*
 * estimate.c
 *	  How many rows the planner is to expect of goes_query and its like.
 *
 * The estimate uses the arguments that are constants and the catalogs' statistics of the table. It
 * does not open the table, so that planning never waits, and a name that is not found is an error
 * only when the function runs. Without statistics it uses PostgreSQL's defaults.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_statistic.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "read/filter.h"
#include "table/kind.h"

PG_FUNCTION_INFO_V1(goes_query_support);
PG_FUNCTION_INFO_V1(goes_snapshot_query_support);
PG_FUNCTION_INFO_V1(goes_history_support);
PG_FUNCTION_INFO_V1(goes_load_support);

/* What PostgreSQL assumes of a function that does not declare its rows. */
#define UNKNOWN_TUPLES 1000.0

/* A call that is planned, and the table that it is about. */
typedef struct Call
{
	PlannerInfo		*root;
	List			*arguments;
	int				 first_argument; /* of the FilterArguments */
	const StoreKind *kind;
	Oid				 table; /* invalid: not known, or not there */
	double			 tuples;
} Call;

/*
 * call_argument returns an argument. A parameter whose value the planner knows becomes a constant.
 * Nothing else is evaluated, since that could raise an error that the query itself never meets.
 */
static Node *
call_argument(const Call *call, int number)
{
	Node *argument = list_nth(call->arguments, number - call->first_argument);

	if (IsA(argument, Param) && call->root != NULL)
		return estimate_expression_value(call->root, argument);
	return argument;
}

/*
 * is_null tells whether an argument is known to be null.
 */
static bool
is_null(const Node *argument)
{
	return IsA(argument, Const) && ((const Const *) argument)->constisnull;
}

/*
 * find_table looks up the table of a store; an invalid OID if its name is not known yet or there
 * is no such table.
 */
static Oid
find_table(const StoreKind *kind, const Node *argument)
{
	const Const *constant = (const Const *) argument;
	const char	*name;
	RangeVar	*range;
	Oid			 schema;

	if (!IsA(argument, Const))
		return InvalidOid;
	name = constant->constisnull ? *kind->default_name : TextDatumGetCString(constant->constvalue);
	if (!is_store_name(name) || is_name_cut(name))
		return InvalidOid;
	range = store_range(name, "store");
	if (range->catalogname != NULL)
		return InvalidOid;
	if (range->schemaname == NULL)
		return RelnameGetRelid(range->relname);
	schema = LookupNamespaceNoError(range->schemaname);
	return OidIsValid(schema) ? get_relname_relid(range->relname, schema) : InvalidOid;
}

/*
 * table_tuples returns how many rows a table had when it was last analyzed.
 */
static double
table_tuples(Oid table)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	double	  tuples;

	if (!HeapTupleIsValid(tuple))
		return UNKNOWN_TUPLES;
	tuples = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
	ReleaseSysCache(tuple);
	return tuples < 0 ? UNKNOWN_TUPLES : tuples;
}

/*
 * start_call reads the call that a request is about; false if it has an unknown form.
 */
static bool
start_call(Call *call, const SupportRequestRows *request, const StoreKind *kind, int first_argument,
		   int store_argument)
{
	if (request->node == NULL || !IsA(request->node, FuncExpr))
		return false;
	call->root = request->root;
	call->arguments = ((FuncExpr *) request->node)->args;
	call->first_argument = first_argument;
	call->kind = kind;
	if (list_length(call->arguments) != store_argument - first_argument + 1)
		return false;
	call->table = find_table(kind, call_argument(call, store_argument));
	/* of rows that are elsewhere there are no statistics here */
	call->tuples = is_distributed(call->table) ? UNKNOWN_TUPLES : table_tuples(call->table);
	return true;
}

/*
 * is_key tells whether a column alone identifies a row.
 */
static bool
is_key(const StoreKind *kind, const char *column)
{
	return kind->key.column_count == 1 && strcmp(kind->key.columns[0], column) == 0;
}

/*
 * distinct_values returns how many values a column has.
 */
static double
distinct_values(const Call *call, const char *column)
{
	AttrNumber number = get_attnum(call->table, column);
	HeapTuple  tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(call->table),
									   Int16GetDatum(number), BoolGetDatum(false));
	double	   values = is_key(call->kind, column) ? call->tuples : DEFAULT_NUM_DISTINCT;

	if (HeapTupleIsValid(tuple))
	{
		double known = ((Form_pg_statistic) GETSTRUCT(tuple))->stadistinct;

		ReleaseSysCache(tuple);
		/* below zero it is a share of the rows, and zero is unknown */
		if (known != 0)
			values = known > 0 ? known : -known * call->tuples;
	}
	return Max(values, 1.0);
}

/*
 * filter_share returns the share of the rows that one filter leaves.
 */
static double
filter_share(const Call *call, int argument)
{
	const FilterRule *rule = &filter_rules[argument];
	Node			 *value = call_argument(call, argument);
	double			  count;

	if (rule->kind == FILTER_AT_LEAST || rule->kind == FILTER_AT_MOST)
		return is_null(value) ? 1.0 : DEFAULT_INEQ_SEL;
	count = array_length_estimate(value);
	if (count <= 0)
		return 1.0;
	if (rule->kind == FILTER_IN_RANGES)
		return Min(count * DEFAULT_RANGE_INEQ_SEL, 1.0);
	return Min(count / distinct_values(call, rule->column), 1.0);
}

/*
 * filtered_rows returns how many rows the filters leave.
 */
static double
filtered_rows(const Call *call)
{
	double rows = call->tuples;

	for (int i = call->first_argument; i < FILTER_ARGUMENTS; i++)
		rows *= filter_share(call, i);
	return rows;
}

/*
 * limited_rows returns how many of the rows a limit leaves.
 */
static double
limited_rows(const Call *call, int argument, double rows)
{
	Node *limit = call_argument(call, argument);

	if (!IsA(limit, Const) || is_null(limit))
		return rows;
	return Min(rows, (double) DatumGetInt64(((Const *) limit)->constvalue));
}

/*
 * support_query answers a request of the planner about a function with filters.
 */
static Datum
support_query(Node *request, const StoreKind *kind, int first_argument)
{
	SupportRequestRows *rows = (SupportRequestRows *) request;
	Call				call;

	if (!IsA(request, SupportRequestRows) ||
		!start_call(&call, rows, kind, first_argument, QUERY_ARGUMENTS))
		return PointerGetDatum(NULL);
	rows->rows = limited_rows(&call, QUERY_MAX_EVENTS, filtered_rows(&call));
	return PointerGetDatum(rows);
}

/*
 * goes_query_support tells the planner about goes_query.
 */
Datum
goes_query_support(PG_FUNCTION_ARGS)
{
	return support_query((Node *) PG_GETARG_POINTER(0), &event_store, FILTER_NAMES);
}

/*
 * goes_snapshot_query_support tells the planner about goes_snapshot_query.
 */
Datum
goes_snapshot_query_support(PG_FUNCTION_ARGS)
{
	return support_query((Node *) PG_GETARG_POINTER(0), &snapshot_store, FILTER_TIMES);
}

/*
 * history_rows returns how many events an aggregate has.
 */
static double
history_rows(const Call *call)
{
	return call->tuples / distinct_values(call, "aggregate_id");
}

/*
 * goes_history_support tells the planner about goes_history.
 */
Datum
goes_history_support(PG_FUNCTION_ARGS)
{
	Node			   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *rows = (SupportRequestRows *) request;
	Call				call;
	double				found;

	if (!IsA(request, SupportRequestRows) ||
		!start_call(&call, rows, &event_store, 0, HISTORY_STORE))
		PG_RETURN_POINTER(NULL);
	found = history_rows(&call);
	for (int i = HISTORY_FROM; i <= HISTORY_TO; i++)
		found *= is_null(call_argument(&call, i)) ? 1.0 : DEFAULT_INEQ_SEL;
	rows->rows = limited_rows(&call, HISTORY_MAX_EVENTS, found);
	PG_RETURN_POINTER(rows);
}

/*
 * goes_load_support tells the planner about goes_load, which returns all events of an
 * aggregate at the most.
 */
Datum
goes_load_support(PG_FUNCTION_ARGS)
{
	Node			   *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *rows = (SupportRequestRows *) request;
	Call				call;

	if (!IsA(request, SupportRequestRows) || !start_call(&call, rows, &event_store, 0, 3))
		PG_RETURN_POINTER(NULL);
	rows->rows = history_rows(&call);
	PG_RETURN_POINTER(rows);
}
