-- What the extension brings, and that everything is explained.
SET search_path = public;
SELECT format('%s(%s) -> %s', proname, string_agg(argument, ', ' ORDER BY n), pg_get_function_result(f.oid)) AS function
FROM pg_proc AS f
LEFT JOIN LATERAL (
    SELECT n, CASE WHEN n <= pronargs THEN format('%s %s', proargnames[n], format_type(type, NULL)) END AS argument
    FROM unnest(proargtypes) WITH ORDINALITY AS arguments (type, n)) AS arguments ON true
WHERE proname LIKE 'goes\_%'
GROUP BY f.oid, proname
ORDER BY proname;

SELECT pg_describe_object(classid, objid, objsubid) AS unexplained
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'goes_store')
  AND classid IN ('pg_proc'::regclass, 'pg_type'::regclass)
  AND pg_describe_object(classid, objid, objsubid) NOT LIKE 'type %[]'
  AND obj_description(objid, classid::regclass::name) IS NULL
ORDER BY 1;

-- None of them runs with its owner's rights, and what writes is never parallel.
SELECT proname, provolatile, proparallel, prosecdef, proisstrict
FROM pg_proc
WHERE proname LIKE 'goes\_%'
ORDER BY proname;

-- The argument store, where there is one, may be left out. It comes last, but first where the
-- function is about the store itself.
SELECT count(*) AS with_store,
       bool_and(proargnames[CASE WHEN proname IN ('goes_alter_store', 'goes_check_store') THEN 1 ELSE pronargs END] = 'store'
                AND pronargdefaults > 0) AS is_in_place
FROM pg_proc
WHERE proname LIKE 'goes\_%' AND 'store' = ANY (proargnames);

-- The types stand where the extension was created; nothing moves them.
ALTER EXTENSION goes_store SET SCHEMA pg_catalog;
