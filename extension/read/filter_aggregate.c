/*
 * filter_aggregate.c
 *	  References to aggregates as a condition.
 *
 * A reference is a name with an id; a nil or null id means every aggregate of that name. The text
 * stays short however many references there are: planning a thousand OR arms takes longer than
 * the query, and the planner does not check timeouts meanwhile. Ids of one name become "= ANY",
 * those of several names a list of pairs. Only a mixture of aggregates and a few whole names has
 * one arm for each name.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/uuid.h"

#include "read/filter.h"

/* Up to this many names of a mixture are written out, since each of them can use an index. */
#define MOST_NAME_ARMS 64

typedef struct Reference
{
	text	  *name;
	pg_uuid_t *id; /* NULL: any */
} Reference;

/*
 * compare_references sorts by the bytes of the name, "any" before the ids.
 */
static inline int
compare_references(const Reference *a, const Reference *b)
{
	int a_length = VARSIZE_ANY_EXHDR(a->name);
	int b_length = VARSIZE_ANY_EXHDR(b->name);
	int result = memcmp(VARDATA_ANY(a->name), VARDATA_ANY(b->name), Min(a_length, b_length));

	if (result == 0)
		result = a_length - b_length;
	if (result == 0)
		result = (a->id != NULL) - (b->id != NULL);
	return result;
}

#define ST_SORT sort_references
#define ST_ELEMENT_TYPE Reference
#define ST_COMPARE(a, b) compare_references(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * same_name tells whether two references have the same name.
 */
static bool
same_name(const Reference *a, const Reference *b)
{
	int length = VARSIZE_ANY_EXHDR(a->name);

	return length == (int) VARSIZE_ANY_EXHDR(b->name) &&
		   memcmp(VARDATA_ANY(a->name), VARDATA_ANY(b->name), length) == 0;
}

/*
 * read_reference takes a goes_aggregate_ref apart.
 */
static Reference
read_reference(TupleDesc descriptor, Datum element, int number, const char *name)
{
	Datum	  values[2];
	bool	  nulls[2];
	Reference reference;

	row_values(descriptor, &reference_row, element, values, nulls);
	if (nulls[0])
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("element %d of argument \"%s\" has a null name", number, name),
						errhint("For aggregates of any name use the argument aggregate_ids.")));
	reference.name = DatumGetTextPP(values[0]);
	reference.id = nulls[1] ? NULL : DatumGetUUIDP(values[1]);
	if (reference.id != NULL && is_nil_uuid(reference.id))
		reference.id = NULL;
	return reference;
}

/*
 * read_references returns the references of an argument, sorted.
 */
static Reference *
read_references(ArrayType *array, const char *name, int *count)
{
	TupleDesc  descriptor = row_descriptor(ARR_ELEMTYPE(array), &reference_row);
	Datum	  *elements;
	Reference *references;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE, &elements, NULL,
					  count);
	references = palloc(sizeof(Reference) * *count);
	for (int i = 0; i < *count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		references[i] = read_reference(descriptor, elements[i], i + 1, name);
	}
	ReleaseTupleDesc(descriptor);
	sort_references(references, *count);
	return references;
}

/*
 * names_of makes an array of the references' names.
 */
static ArrayType *
names_of(const Reference *references, int count)
{
	Datum *names = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		names[i] = PointerGetDatum(references[i].name);
	return construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT);
}

/*
 * ids_of makes an array of the references' ids.
 */
static ArrayType *
ids_of(const Reference *references, int count)
{
	Datum *ids = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
		ids[i] = UUIDPGetDatum(references[i].id);
	return construct_array(ids, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
}

/*
 * keys_of makes an array with one text for each aggregate: its id, which has a fixed length, and
 * its name.
 */
static ArrayType *
keys_of(const Reference *references, int count)
{
	Datum *keys = palloc(sizeof(Datum) * count);

	for (int i = 0; i < count; i++)
	{
		Datum id = DirectFunctionCall1(uuid_out, UUIDPGetDatum(references[i].id));

		CHECK_FOR_INTERRUPTS();
		keys[i] = DirectFunctionCall2(textcat, CStringGetTextDatum(DatumGetCString(id)),
									  PointerGetDatum(references[i].name));
	}
	return construct_array(keys, count, TEXTOID, -1, false, TYPALIGN_INT);
}

/*
 * add_group writes the condition for the references of one name.
 */
static void
add_group(Filter *filter, const Reference *references, int count)
{
	bool is_single;

	appendStringInfo(&filter->text, "aggregate_name OPERATOR(pg_catalog.=) $%d",
					 add_parameter(filter, TEXTOID, PointerGetDatum(references[0].name)));
	if (references[0].id == NULL)
		return;
	appendStringInfoString(&filter->text, " AND ");
	is_single = add_one_of(filter, "aggregate_id", ids_of(references, count));
	filter->is_point |= is_single;
	filter->is_varying |= !is_single;
}

/*
 * add_pairs writes the condition for aggregates of several names.
 */
static void
add_pairs(Filter *filter, ArrayType *references)
{
	appendStringInfo(&filter->text,
					 "(aggregate_name, aggregate_id) OPERATOR(pg_catalog.=) ANY "
					 "(SELECT name, id FROM pg_catalog.unnest($%d))",
					 add_parameter(filter, get_array_type(ARR_ELEMTYPE(references)),
								   PointerGetDatum(references)));
}

/*
 * add_groups writes an arm for each name.
 */
static void
add_groups(Filter *filter, const Reference *references, int count)
{
	for (int first = 0, next; first < count; first = next)
	{
		CHECK_FOR_INTERRUPTS();
		for (next = first + 1; next < count; next++)
		{
			if (!same_name(&references[first], &references[next]))
				break;
		}
		appendStringInfoString(&filter->text, first == 0 ? "(" : " OR (");
		add_group(filter, references + first, next - first);
		appendStringInfoChar(&filter->text, ')');
	}
}

/*
 * add_mixture writes the condition for whole names and aggregates. Each aggregate is compared as
 * one text, since PostgreSQL hashes a list only if its elements are plain values. The list of ids
 * is there so that an index can be used.
 */
static void
add_mixture(Filter *filter, const Reference *names, int name_count, const Reference *aggregates,
			int aggregate_count)
{
	appendStringInfo(
		&filter->text, "aggregate_name OPERATOR(pg_catalog.=) ANY ($%d) ",
		add_parameter(filter, TEXTARRAYOID, PointerGetDatum(names_of(names, name_count))));
	appendStringInfo(
		&filter->text, "OR (aggregate_id OPERATOR(pg_catalog.=) ANY ($%d) ",
		add_parameter(filter, UUIDARRAYOID, PointerGetDatum(ids_of(aggregates, aggregate_count))));
	appendStringInfo(
		&filter->text,
		"AND pg_catalog.concat(aggregate_id, aggregate_name) OPERATOR(pg_catalog.=) ANY ($%d))",
		add_parameter(filter, TEXTARRAYOID, PointerGetDatum(keys_of(aggregates, aggregate_count))));
}

/*
 * part_names moves the references to whole names to the front.
 */
static void
part_names(Reference *references, int count)
{
	int names = 0;

	for (int i = 0; i < count; i++)
	{
		Reference reference = references[i];

		CHECK_FOR_INTERRUPTS();
		if (reference.id != NULL)
			continue;
		references[i] = references[names];
		references[names++] = reference;
	}
}

/*
 * count_whole_names returns how many references are to every aggregate of a name.
 */
static int
count_whole_names(const Reference *references, int count)
{
	int whole_names = 0;

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		whole_names += references[i].id == NULL;
	}
	return whole_names;
}

/*
 * count_names returns how many names sorted references have.
 */
static int
count_names(const Reference *references, int count)
{
	int names = 1;

	for (int i = 1; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		names += !same_name(&references[i - 1], &references[i]);
	}
	return names;
}

/*
 * filter_references keeps the rows of the aggregates that an argument refers to.
 */
void
filter_references(Filter *filter, int argument, const char *name)
{
	ArrayType *array = filter_array(filter, argument, name);
	Reference *references;
	int		   count;
	int		   whole_names;
	int		   names;

	if (array == NULL)
		return;
	references = read_references(array, name, &count);
	whole_names = count_whole_names(references, count);
	names = count_names(references, count);
	start_condition(filter);
	appendStringInfoChar(&filter->text, '(');
	if (names == 1)
		add_group(filter, references, count);
	else if (whole_names == 0)
		add_pairs(filter, array);
	else if (whole_names == count)
		appendStringInfo(
			&filter->text, "aggregate_name OPERATOR(pg_catalog.=) ANY ($%d)",
			add_parameter(filter, TEXTARRAYOID, PointerGetDatum(names_of(references, count))));
	else if (names > MOST_NAME_ARMS)
	{
		part_names(references, count);
		add_mixture(filter, references, whole_names, references + whole_names, count - whole_names);
	}
	else
	{
		add_groups(filter, references, count);
		filter->is_common = false;
	}
	appendStringInfoChar(&filter->text, ')');
	filter->is_varying |= names > 1;
}
