/*
 * oids.h
 *    The OIDs of PostgreSQL's own types, which are the same in every database
 *    (src/include/catalog/pg_type.dat).
 */
#ifndef GOES_OIDS_H
#define GOES_OIDS_H

#define BYTEA_TYPE 17
#define INT8_TYPE 20
#define INT4_TYPE 23
#define TEXT_TYPE 25
#define INT4_ARRAY_TYPE 1007
#define TEXT_ARRAY_TYPE 1009
#define INT8_ARRAY_TYPE 1016
#define REFCURSOR_TYPE 1790
#define UUID_TYPE 2950
#define UUID_ARRAY_TYPE 2951
#define JSONB_TYPE 3802
#define JSONB_ARRAY_TYPE 3807
#define INT4_RANGE_TYPE 3904
#define INT4_RANGE_ARRAY_TYPE 3905
#define INT8_RANGE_TYPE 3926
#define INT8_RANGE_ARRAY_TYPE 3927
#define XID8_TYPE 5069

#endif
