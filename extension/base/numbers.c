/*
 * numbers.c
 *	  Lists of numbers: to arrays of SQL, and back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "base/base.h"

/*
 * int8_list makes a bigint[].
 */
Datum
int8_list(const int64 *values, int count)
{
	Datum *elements = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		elements[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(
		construct_array(elements, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/*
 * int4_list makes an integer[].
 */
Datum
int4_list(const int32 *values, int count)
{
	Datum *elements = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		elements[i] = Int32GetDatum(values[i]);
	return PointerGetDatum(
		construct_array(elements, count, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/*
 * list_values returns a copy of the values of a bigint[] without nulls.
 */
int64 *
list_values(ArrayType *list, int *count)
{
	int64 *values;

	*count = ArrayGetNItems(ARR_NDIM(list), ARR_DIMS(list));
	values = palloc(sizeof(int64) * Max(*count, 1));
	memcpy(values, ARR_DATA_PTR(list), sizeof(int64) * *count);
	return values;
}
