// A shop by pgx, on the server that PGHOST, PGPORT, PGUSER and PGPASSWORD name.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"os"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	const save = "SELECT goes_append_json('order', $1, $2, expected_version => $3) AS version"
	ctx, order := context.Background(), "019a0000-0000-7000-8000-000000000001"
	must(must(pgx.Connect(ctx, "dbname=postgres")).Exec(ctx, "CREATE DATABASE shop_pgx"))
	db := must(pgx.Connect(ctx, "dbname=shop_pgx"))
	rows := func(text string, values ...any) []map[string]any {
		return must(pgx.CollectRows(must(db.Query(ctx, text, values...)), pgx.RowToMap))
	}
	must(db.Exec(ctx, string(must(os.ReadFile("../shop.sql"))))) // makes the store
	fmt.Println("appended: version", rows(save, order, `{"name": "order.placed"}`, 0)[0]["version"])
	_, err := db.Exec(ctx, save, order, `{"name": "order.paid"}`, 0) // we believe that it is new
	if conflict := new(pgconn.PgError); errors.As(err, &conflict) && conflict.Code == "VE001" {
		var detail struct{ Current_version int }
		err = json.Unmarshal([]byte(conflict.Detail), &detail)
		fmt.Println("conflict: the order is at version", detail.Current_version)
		rows(save, order, `{"name": "order.paid"}`, detail.Current_version) // load it, decide anew
	}
	must(0, err)
	for _, event := range rows("SELECT * FROM goes_history('order', $1)", order) {
		fmt.Println("history:", event["aggregate_version"], event["name"])
	}
	count := func(text string) (all int) {
		for page := 1; page > 0; all += page {
			page = len(rows(text))
		}
		return all
	}
	must(db.Exec(ctx, "BEGIN; SELECT goes_query_cursor(names => '{page.viewed}', portal => 'views')"))
	fmt.Println("streamed:", count("FETCH 1000 FROM views"), "events")
	rows("COMMIT")
	fmt.Println("followed:", count(string(must(os.ReadFile("../follow.sql")))), "events") // a real reader: for ever
	events := rows("SELECT * FROM goes_claim('mails', 'worker 1', 100)")
	for _, event := range events { // a real worker goes on for ever
		rows(`WITH mail AS (INSERT INTO mails VALUES ($3) RETURNING position)
			SELECT goes_done('mails', $1, $2, done => ARRAY[position]) FROM mail`, // both or neither
			event["partition"], event["epoch"], event["position"])
	}
	fmt.Println("worked:", len(events), "events")
	must(must(pgx.Connect(ctx, "dbname=postgres")).Exec(ctx, "DROP DATABASE shop_pgx WITH (FORCE)"))
}
