-- Read models: save, fetch, lock, delete.
CREATE SCHEMA models;
SET search_path = models, public;
SELECT goes_create_model_store();

-- What is saved is fetched, and saving again replaces it; null: there is none.
SELECT goes_model_fetch('order/1');
SELECT goes_model_save('order/1', '{"total": 30, "lines": [1, 2]}');
SELECT goes_model_fetch('order/1');
SELECT goes_model_save(id => 'order/1', model => '[]');
SELECT goes_model_save('ä "odd" id', '"text"');
SELECT goes_model_save('null', 'null');
SELECT goes_model_fetch('order/1'), goes_model_fetch('ä "odd" id'), goes_model_fetch('null'), goes_model_fetch('null') IS NULL AS is_null;
SELECT goes_model_fetch(''), goes_model_fetch('ORDER/1');
TABLE models ORDER BY id;

-- Of any size.
SELECT goes_model_save('large', jsonb_build_object('bytes', string_agg(sha512(n::text::bytea)::text, '')))
FROM generate_series(1, 8192) AS n;
SELECT length(goes_model_fetch('large') ->> 'bytes'), length(goes_model_lock('large') ->> 'bytes'),
       goes_model_fetch('large') = goes_model_lock('large') AS is_same;
SELECT length(goes_model_lock('large too', goes_model_fetch('large')) ->> 'bytes');

-- Lock returns the model, creates a missing one, and leaves one that is there as it is.
SELECT goes_model_lock('order/1');
SELECT goes_model_lock('order/1', '{"initial": true}');
SELECT goes_model_lock('missing');
SELECT goes_model_lock('missing', '{"initial": true}');
SELECT goes_model_lock('missing', '{"initial": false}');
SELECT goes_model_lock('missing too', 'null'), goes_model_fetch('missing too');

-- In one transaction with what it is about, it is both or neither.
SELECT goes_create_store();
BEGIN;
SELECT goes_insert_batch(ARRAY[goes_new_event('counted')]);
SELECT goes_model_save('counter', to_jsonb(goes_model_lock('counter', '0')::integer + 1));
ROLLBACK;
SELECT goes_count(), goes_model_fetch('counter');
BEGIN;
SELECT goes_insert_batch(ARRAY[goes_new_event('counted')]);
SELECT goes_model_save('counter', to_jsonb(goes_model_lock('counter', '0')::integer + 1));
SELECT goes_model_save('counter', to_jsonb(goes_model_lock('counter', '0')::integer + 1));
COMMIT;
SELECT goes_count(), goes_model_fetch('counter');

-- In one statement a fetch sees what was there when it began, a lock what is there by now.
CREATE FUNCTION twice(model text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM goes_model_save(model, '2');
    RETURN goes_model_lock(model);
END
$$;
SELECT goes_model_save('seen', '1');
SELECT goes_model_fetch('seen') AS before, twice('seen') AS locked, goes_model_fetch('seen') AS fetched;

-- Delete tells whether there was one.
SELECT goes_model_delete('order/1'), goes_model_delete('order/2');
SELECT goes_model_delete('order/1'), goes_model_fetch('order/1');

-- What cannot be stored, and what has to be said.
SELECT goes_model_save(NULL, '1');
\echo :SQLSTATE
SELECT goes_model_save('a', NULL);
\echo :SQLSTATE
SELECT goes_model_save('', '1');
\echo :SQLSTATE
SELECT goes_model_lock('', '1');
\echo :SQLSTATE
SELECT goes_model_lock(NULL, '1');
\echo :SQLSTATE
SELECT goes_model_fetch(NULL);
\echo :SQLSTATE
SELECT goes_model_delete(NULL);
\echo :SQLSTATE

-- Stores by name; one that is missing, and one that does not fit.
SELECT goes_create_model_store('others');
SELECT goes_model_save('a', '1', 'others');
SELECT goes_model_fetch('a'), goes_model_fetch('a', 'others'), goes_model_lock('a', store => 'models.others'),
       goes_model_delete('a', 'others');
SELECT goes_model_save('a', '1', 'missing');
\echo :SQLSTATE
SELECT goes_model_fetch('a', 'missing');
SELECT goes_model_lock('a', store => 'missing');
SELECT goes_model_lock('a', '1', 'missing');
SELECT goes_model_delete('a', 'missing');
SELECT goes_model_fetch('a', 'events');
\echo :SQLSTATE
ALTER TABLE others DROP CONSTRAINT others_pkey;
SELECT goes_model_save('a', '1', 'others');
\echo :SQLSTATE
SELECT goes_model_lock('a', '1', 'others');
\echo :SQLSTATE
SELECT goes_model_fetch('a', 'others');

-- A read-only transaction can fetch, and nothing else.
BEGIN READ ONLY;
SELECT goes_model_fetch('seen');
SAVEPOINT before;
SELECT goes_model_lock('seen');
\echo :SQLSTATE
ROLLBACK TO before;
SELECT goes_model_save('seen', '3');
\echo :SQLSTATE
ROLLBACK;

-- What keeps a model out, or hides it, is an error and no endless attempt.
CREATE FUNCTION ignore() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER ignore BEFORE INSERT ON models FOR EACH ROW EXECUTE FUNCTION ignore();
SELECT goes_model_save('ignored', '1');
\echo :SQLSTATE
SELECT goes_model_lock('ignored', '1');
\echo :SQLSTATE
DROP TRIGGER ignore ON models;
CREATE ROLE models_reader;
GRANT USAGE ON SCHEMA models TO models_reader;
GRANT SELECT, INSERT, UPDATE ON models TO models_reader;
ALTER TABLE models ENABLE ROW LEVEL SECURITY;
CREATE POLICY read ON models FOR SELECT TO models_reader USING (true);
CREATE POLICY create_all ON models FOR INSERT TO models_reader WITH CHECK (true);
CREATE POLICY change_some ON models FOR UPDATE TO models_reader USING (id <> 'seen');
SET ROLE models_reader;
SELECT goes_model_fetch('seen'), goes_model_lock('null'), goes_model_lock('seen');
SELECT goes_model_lock('seen', '1');
\echo :SQLSTATE
SELECT goes_model_lock('unseen', '1');
RESET ROLE;

-- A trigger decides what is stored, and lock says so.
ALTER TABLE models DISABLE ROW LEVEL SECURITY;
CREATE FUNCTION enrich() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.model = NEW.model || '{"by": "trigger"}';
    RETURN NEW;
END
$$;
CREATE TRIGGER enrich BEFORE INSERT ON models FOR EACH ROW EXECUTE FUNCTION enrich();
SELECT goes_model_lock('enriched', '{"n": 1}');
SELECT goes_model_fetch('enriched');

SET client_min_messages = warning;
DROP SCHEMA models CASCADE;
DROP ROLE models_reader;
