package sharing

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/modernice/goes/backend/postgres"
)

// refusal returns what goes says when it does not connect, "" if it does.
func refusal(t *testing.T, database, table string) string {
	t.Helper()
	store := newGoes(t, rawJSON{}, postgres.Database(database), postgres.Table(table))
	if err := store.Connect(t.Context()); err != nil {
		return err.Error()
	}
	return ""
}

// requireRefusal fails the test unless goes 0.9.0 refuses a table with that text, and 0.5.0, which does
// not look, takes it.
func requireRefusal(t *testing.T, database, table, text string) {
	t.Helper()
	said := refusal(t, database, table)
	if isOld(t) {
		text = ""
	}
	if !strings.Contains(said, text) || (said == "") != (text == "") {
		t.Errorf("goes said %q instead of %q", said, text)
	}
}

// Insert of goes 0.5.0 writes to events, whatever Table says.
func TestGoesObeysTable(t *testing.T) {
	const database = "sharing_table"
	createSQLStore(t, database, "shop.orders", "CREATE SCHEMA shop")
	psql(t, database, `SELECT goes_create_store('shop."Odd Name"')`, "SELECT goes_create_store()")
	for _, table := range []string{"shop.orders", `shop."Odd Name"`} {
		t.Run(table, func(t *testing.T) {
			goes := openGoes(t, database, postgres.Table(table))
			r, written := order(uuid.New(), 1), table
			goes.mustInsert(t, r)
			if isOld(t) {
				written = "events"
			}
			if found := goes.sql(t, "SELECT string_agg(id::text, ' ') FROM goes_query(store => '"+written+"')"); found != r.id.String() {
				t.Fatalf("%s has %q", written, found)
			}
			if !isOld(t) {
				requireSame(t, "goes", goes.query(t), []record{r})
			}
			goes.execute(t, "TRUNCATE events")
		})
	}
}

// goes gives the indexes of every table the same names.
func TestASecondTableOfGoesHasNoUniqueIndex(t *testing.T) {
	const database, missing = "sharing_second", "missing unique index on (aggregate_id, aggregate_name, aggregate_version)"
	openGoes(t, database)
	goes := openGoes(t, database, postgres.Table("orders"))
	goes.execute(t, "CREATE EXTENSION goes_store")
	if problems := goes.sql(t, "SELECT string_agg(problem, E'\n') FROM goes_check_store('orders')"); !strings.Contains(problems, missing) {
		t.Fatalf("goes_check_store: %q", problems)
	}
	requireRefusal(t, database, "orders", `has indexes named "goes_name", "goes_time", "goes_aggregate" that do not match`)
	goes.execute(t, "SELECT goes_create_store('orders')")
	if said := refusal(t, database, "orders"); said != "" {
		t.Errorf("goes refuses what goes_create_store has mended: %s", said)
	}
	if !isOld(t) {
		id := uuid.New()
		goes.mustInsert(t, order(id, 1))
		requireState(t, goes.insert(order(id, 1)), "23505")
	}
}

func TestGoesValidatesColumns(t *testing.T) {
	const database = "sharing_columns"
	createSQLStore(t, database, "events")
	psql(t, database, "ALTER TABLE events ALTER COLUMN data TYPE json")
	requireRefusal(t, database, "events", `column "data" should have type "jsonb" but has type "json"`)
}

// Whatever goes_check_store finds sound is so for goes, which leaves it as it is.
func TestGoesTakesWhatIsSound(t *testing.T) {
	for name, statement := range map[string]string{
		"text":           "ALTER TABLE events ALTER COLUMN name TYPE text, ALTER COLUMN aggregate_name TYPE text",
		"more_columns":   "ALTER TABLE events ADD COLUMN note text DEFAULT 'none', ADD COLUMN stored timestamptz DEFAULT now()",
		"another_order":  "DROP INDEX goes_aggregate; CREATE UNIQUE INDEX ON events (aggregate_name, aggregate_id, aggregate_version DESC)",
		"further_keys":   "DROP INDEX goes_name, goes_time; CREATE INDEX ON events (name, time); CREATE INDEX ON events (time, id)",
		"included":       "DROP INDEX goes_aggregate; CREATE UNIQUE INDEX ON events (aggregate_id, aggregate_name, aggregate_version) INCLUDE (time)",
		"constraint":     "DROP INDEX goes_aggregate; ALTER TABLE events ADD UNIQUE (aggregate_id, aggregate_name, aggregate_version)",
		"guards":         "SELECT goes_alter_store(validate_versions => 'sequential', append_only => true)",
		"nulls_in_names": "ALTER TABLE events ALTER COLUMN name DROP NOT NULL, ALTER COLUMN time DROP NOT NULL",
	} {
		t.Run(name, func(t *testing.T) {
			database := "sharing_sound_" + name
			createSQLStore(t, database, "events", "SELECT goes_create_store()", statement)
			before := psql(t, database, indexQuery)
			goes := openGoes(t, database)
			requireSound(t, goes)
			if after := indexes(t, goes); after != before && !isOld(t) {
				t.Errorf("goes has changed the indexes:\n%s\nwere\n%s", after, before)
			}
			stored := goesSamples(t)[:3]
			goes.mustInsert(t, stored...)
			requireSame(t, "goes", goes.query(t), stored)
		})
	}
}

// goes 0.5.0 runs CREATE TABLE IF NOT EXISTS, which takes the privilege to create one.
func TestGoesNeedsNoMoreThanToWrite(t *testing.T) {
	const database = "sharing_writer"
	createSQLStore(t, database, "events", "DROP ROLE IF EXISTS sharing_writer",
		"CREATE ROLE sharing_writer LOGIN PASSWORD 'secret'")
	psql(t, database, "GRANT SELECT, INSERT, DELETE ON events TO sharing_writer")
	where, err := url.Parse(serverURL())
	if err != nil {
		t.Fatal(err)
	}
	where.User = url.UserPassword("sharing_writer", "secret")
	options := []postgres.EventStoreOption{postgres.URL(where.String()), postgres.Database(database)}
	if isOld(t) {
		requireState(t, newGoes(t, rawJSON{}, options...).Connect(t.Context()), "42501")
		return
	}
	goes := &goesStore{connectGoes(t, rawJSON{}, options...)}
	r := order(uuid.New(), 1)
	goes.mustInsert(t, r)
	requireSame(t, "goes", goes.query(t), []record{r})
	if err := goes.Delete(t.Context(), toGoes(r)); err != nil {
		t.Error(err)
	}
}

// Names of 255 characters have to fit. Where they do not, goes finds out when it stores one, and
// goes_create_store says so at once; mending it does not touch the rows.
func TestShortNamesAreMendedInPlace(t *testing.T) {
	const database = "sharing_short"
	goes := openGoes(t, database)
	goes.execute(t, "CREATE EXTENSION goes_store")
	goes.execute(t, "ALTER TABLE events ALTER COLUMN name TYPE varchar(100), ALTER COLUMN aggregate_name TYPE varchar(100)")
	short, long := order(uuid.New(), 1), order(uuid.New(), 1)
	long.aggregateName = strings.Repeat("n", 255)
	goes.mustInsert(t, short)
	if said := refusal(t, database, "events"); said != "" {
		t.Fatalf("goes refuses short columns: %s", said)
	}
	requireState(t, goes.insert(long), "22001")
	_, err := goes.Pool().Exec(t.Context(), "SELECT goes_create_store()")
	requireState(t, err, "VE004")

	const files = `SELECT string_agg(pg_relation_filenode(oid)::text, ' ' ORDER BY relfilenode) FROM pg_class WHERE
		oid = 'events'::regclass OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'events'::regclass)`
	before := goes.sql(t, files)
	goes.execute(t, goes.sql(t, "SELECT string_agg(remedy, ' ') FROM goes_check_store()"))
	if after := goes.sql(t, files); after != before {
		t.Errorf("the files are now %s, and were %s", after, before)
	}
	requireSound(t, goes)
	goes.mustInsert(t, long)
	requireSame(t, "goes", goes.query(t), []record{short, long})
}
