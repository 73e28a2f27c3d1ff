/*
 * filter_aggregate.c
 *	  References to aggregates as a condition.
 *
 * A reference is a name with an id; a nil or null id means every aggregate of that
 * name. However many there are, the text stays short, since a thousand OR arms take the
 * planner longer than the query: ids of one name are an "= ANY", those of several names
 * a list of pairs. Only a mixture of aggregates and whole names has an arm a name.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "filter.h"

typedef struct Reference
{
	text	  *name;
	pg_uuid_t *id; /* NULL: any */
} Reference;

/*
 * compare_references sorts by the bytes of the name, "any" before the ids.
 */
static int
compare_references(const void *left, const void *right)
{
	const Reference *a = left;
	const Reference *b = right;
	int				 a_length = VARSIZE_ANY_EXHDR(a->name);
	int				 b_length = VARSIZE_ANY_EXHDR(b->name);
	int result = memcmp(VARDATA_ANY(a->name), VARDATA_ANY(b->name), Min(a_length, b_length));

	if (result == 0)
		result = a_length - b_length;
	if (result == 0)
		result = (a->id != NULL) - (b->id != NULL);
	return result;
}

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
	HeapTupleData tuple = {0};
	Datum		  values[2];
	bool		  nulls[2];
	Reference	  reference;

	tuple.t_data = DatumGetHeapTupleHeader(element);
	tuple.t_len = HeapTupleHeaderGetDatumLength(tuple.t_data);
	heap_deform_tuple(&tuple, descriptor, values, nulls);
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
	TupleDesc  descriptor = lookup_rowtype_tupdesc(ARR_ELEMTYPE(array), -1);
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
	qsort(references, *count, sizeof(Reference), compare_references);
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
 * filter_references keeps the rows of the aggregates that an argument refers to.
 */
void
filter_references(Filter *filter, int argument, const char *name)
{
	ArrayType *array = filter_array(filter, argument, name);
	Reference *references;
	int		   count;
	int		   whole_names = 0;
	bool	   is_one_name;

	if (array == NULL)
		return;
	references = read_references(array, name, &count);
	for (int i = 0; i < count; i++)
		whole_names += references[i].id == NULL;
	is_one_name = same_name(&references[0], &references[count - 1]);
	start_condition(filter);
	appendStringInfoChar(&filter->text, '(');
	if (is_one_name)
		add_group(filter, references, count);
	else if (whole_names == 0)
		add_pairs(filter, array);
	else if (whole_names == count)
		appendStringInfo(
			&filter->text, "aggregate_name OPERATOR(pg_catalog.=) ANY ($%d)",
			add_parameter(filter, TEXTARRAYOID, PointerGetDatum(names_of(references, count))));
	else
	{
		add_groups(filter, references, count);
		filter->is_common = false;
	}
	appendStringInfoChar(&filter->text, ')');
	filter->is_varying |= !is_one_name;
}
