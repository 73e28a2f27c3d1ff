/*
 * filter_aggregate.c
 *	  References to aggregates as a condition.
 *
 * A reference is a name with an id; a nil or null id means every aggregate of that
 * name. They are grouped by name, "name = $1 AND id = ANY ($2)": a thousand of them
 * as a thousand OR arms take the planner longer than the query.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
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
	static const pg_uuid_t nil = {{0}};
	HeapTupleData		   tuple = {0};
	Datum				   values[2];
	bool				   nulls[2];
	Reference			   reference;

	tuple.t_data = DatumGetHeapTupleHeader(element);
	tuple.t_len = HeapTupleHeaderGetDatumLength(tuple.t_data);
	heap_deform_tuple(&tuple, descriptor, values, nulls);
	if (nulls[0])
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("element %d of argument \"%s\" has a null name", number, name),
						errhint("For aggregates of any name use the argument aggregate_ids.")));
	reference.name = DatumGetTextPP(values[0]);
	reference.id = nulls[1] ? NULL : DatumGetUUIDP(values[1]);
	if (reference.id != NULL && memcmp(reference.id, &nil, UUID_LEN) == 0)
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
 * add_group writes the condition for the references of one name.
 */
static void
add_group(Filter *filter, const Reference *references, int count)
{
	Datum *ids;

	appendStringInfo(&filter->text, "aggregate_name OPERATOR(pg_catalog.=) $%d",
					 add_parameter(filter, TEXTOID, PointerGetDatum(references[0].name)));
	if (references[0].id == NULL)
		return;
	ids = palloc(sizeof(Datum) * count);
	for (int i = 0; i < count; i++)
		ids[i] = UUIDPGetDatum(references[i].id);
	filter->is_point = true;
	appendStringInfoString(&filter->text, " AND ");
	add_one_of(filter, "aggregate_id",
			   construct_array(ids, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

/*
 * filter_references keeps the rows of the aggregates that an argument refers to. The
 * text depends on how many names there are, so only the form for one name is worth a
 * kept plan.
 */
void
filter_references(Filter *filter, int argument, const char *name)
{
	ArrayType *array = array_argument(filter->fcinfo, argument, name);
	Reference *references;
	int		   count;

	if (array == NULL)
		return;
	references = read_references(array, name, &count);
	start_condition(filter);
	appendStringInfoChar(&filter->text, '(');
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
		filter->is_common &= next - first == count;
	}
	appendStringInfoChar(&filter->text, ')');
}
