package sharing

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/uuid"
)

const indexQuery = `SELECT string_agg(indexdef, E'\n' ORDER BY indexname) FROM pg_catalog.pg_indexes
	WHERE schemaname = 'public' AND tablename = 'events'`

// psql runs statements in a database that goes has not connected to yet, and returns what they return.
func psql(t *testing.T, database string, statements ...string) string {
	t.Helper()
	arguments := []string{"-XAtqv", "ON_ERROR_STOP=1", "-d", database}
	for _, statement := range statements {
		arguments = append(arguments, "-c", statement)
	}
	output, err := exec.Command("psql", arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v: %s", err, output)
	}
	return strings.TrimSpace(string(output))
}

// createSQLStore makes a database with a store in it, by SQL alone, after other statements there.
func createSQLStore(t *testing.T, database, table string, statements ...string) {
	t.Helper()
	psql(t, "postgres", "CREATE DATABASE "+database)
	statements = append([]string{"CREATE EXTENSION goes_store"}, statements...)
	psql(t, database, append(statements, "SELECT goes_create_store('"+table+"')")...)
}

// indexes returns the definitions of the indexes on events.
func indexes(t *testing.T, goes *goesStore) string {
	t.Helper()
	return goes.sql(t, indexQuery)
}

// requireSound fails the test unless goes_check_store has no rows.
func requireSound(t *testing.T, goes *goesStore) {
	t.Helper()
	if problems := goes.sql(t, `SELECT string_agg(problem, E'\n') FROM goes_check_store()`); problems != "" {
		t.Fatalf("goes_check_store: %s", problems)
	}
}

func TestGoesWritesLibgoesReads(t *testing.T) {
	goes, libgoes := openGoes(t, "sharing_goes_writes"), openLibgoes(t, "sharing_goes_writes")
	for _, r := range goesSamples(t) {
		t.Run(short(r.name), func(t *testing.T) {
			goes.mustInsert(t, r)
			requireSame(t, "libgoes", libgoes.query(t, "id="+r.id.String()), []record{r})
			requireSame(t, "goes itself", goes.query(t, withID(r.id)), []record{r})
		})
	}
	t.Run("one_batch", func(t *testing.T) {
		goes.execute(t, "TRUNCATE events")
		batch := goesSamples(t)
		goes.mustInsert(t, batch...)
		requireSame(t, "libgoes", libgoes.query(t), batch)
	})
}

// goes 0.5.0 gets a syntax error and stores nothing.
func TestGoesWritesAQuotedAggregateName(t *testing.T) {
	goes, libgoes := openGoes(t, "sharing_quotes"), openLibgoes(t, "sharing_quotes")
	r := quotedAggregate()
	if isOld(t) {
		requireState(t, goes.insert(r), "42601")
		requireSame(t, "libgoes", libgoes.query(t), nil)
		return
	}
	goes.mustInsert(t, r)
	requireSame(t, "libgoes", libgoes.query(t), []record{r})
}

// goes 0.5.0 stores NULL. libgoes reads 0 either way, and keeps the aggregate.
func TestGoesWritesVersionZero(t *testing.T) {
	goes, libgoes := openGoes(t, "sharing_zero"), openLibgoes(t, "sharing_zero")
	r, stored := versionZero(), "0"
	if isOld(t) {
		stored = ""
	}
	goes.mustInsert(t, r)
	if version := goes.sql(t, "SELECT aggregate_version::text FROM events"); version != stored {
		t.Errorf("goes stores version %q instead of %q", version, stored)
	}
	requireSame(t, "libgoes", libgoes.query(t), []record{r})
}

func TestLibgoesWritesGoesReads(t *testing.T) {
	libgoes, goes := openLibgoes(t, "sharing_libgoes_writes"), openGoes(t, "sharing_libgoes_writes")
	every := func() []record { return append(samples(), quotedAggregate(), versionZero()) }
	for _, r := range every() {
		t.Run(short(r.name), func(t *testing.T) {
			libgoes.mustInsert(t, r)
			requireSame(t, "goes", goes.query(t, withID(r.id)), []record{r})
			found, err := goes.Find(t.Context(), r.id)
			if err != nil {
				t.Fatalf("goes cannot find: %v", err)
			}
			requireSame(t, "goes' Find", []record{fromGoes(found)}, []record{r})
		})
	}
	t.Run("one_batch", func(t *testing.T) {
		goes.execute(t, "TRUNCATE events")
		batch := every()
		libgoes.mustInsert(t, batch...)
		requireSame(t, "goes", goes.query(t), batch)
	})
	t.Run("absent_data_is_json_null", func(t *testing.T) {
		r := order(uuid.New(), 1)
		r.data = ""
		libgoes.mustInsert(t, r)
		r.data = "null"
		requireSame(t, "goes", goes.query(t, withID(r.id)), []record{r})
	})
}

func TestEitherDeletesTheOthersEvents(t *testing.T) {
	goes, libgoes := openGoes(t, "sharing_delete"), openLibgoes(t, "sharing_delete")
	a, b := order(uuid.New(), 1), order(uuid.New(), 1)
	goes.mustInsert(t, a)
	libgoes.mustInsert(t, b)
	if err := libgoes.delete(a); err != nil {
		t.Fatal(err)
	}
	requireSame(t, "goes", goes.query(t), []record{b})
	if err := goes.Delete(t.Context(), toGoes(b)); err != nil {
		t.Fatal(err)
	}
	requireSame(t, "libgoes", libgoes.query(t), nil)
}

func TestGoesConnectsToALibgoesStore(t *testing.T) {
	const database = "sharing_libgoes_made"
	libgoes := openLibgoes(t, database)
	before := psql(t, database, indexQuery)
	goes := openGoes(t, database)
	if after := indexes(t, goes); after != before {
		t.Errorf("goes has changed the indexes:\n%s\nwere\n%s", after, before)
	}
	requireSound(t, goes)
	a, b := order(uuid.New(), 1), order(uuid.New(), 1)
	goes.mustInsert(t, a)
	libgoes.mustInsert(t, b)
	requireSame(t, "goes", goes.query(t), []record{a, b})
}

func TestGoesConnectsToASQLStore(t *testing.T) {
	const database = "sharing_sql_made"
	createSQLStore(t, database, "events")
	before := psql(t, database, indexQuery)
	goes := openGoes(t, database)
	if after := indexes(t, goes); after != before {
		t.Errorf("goes has changed the indexes:\n%s\nwere\n%s", after, before)
	}
	requireSound(t, goes)
	goes.mustInsert(t, samples()...)
}

func TestLibgoesConnectsToAGoesStore(t *testing.T) {
	goes := openGoes(t, "sharing_goes_made")
	before := indexes(t, goes)
	libgoes := openLibgoes(t, "sharing_goes_made")
	if after := indexes(t, goes); after != before {
		t.Errorf("libgoes has changed the indexes:\n%s\nwere\n%s", after, before)
	}
	requireSound(t, goes)
	r := order(uuid.New(), 1)
	libgoes.mustInsert(t, r)
	requireSame(t, "goes", goes.query(t), []record{r})
}

func TestCreateStoreAcceptsAGoesStore(t *testing.T) {
	goes := openGoes(t, "sharing_goes_made_sql")
	before := indexes(t, goes)
	goes.execute(t, "CREATE EXTENSION goes_store")
	requireSound(t, goes)
	if table := goes.sql(t, "SELECT goes_create_store()::text"); table != "events" {
		t.Errorf("goes_create_store returned %q", table)
	}
	if after := indexes(t, goes); after != before {
		t.Errorf("goes_create_store has changed the indexes:\n%s\nwere\n%s", after, before)
	}
	requireSound(t, goes)
}
