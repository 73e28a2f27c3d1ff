//! A shop by tokio-postgres, on the server that PGHOST, PGPORT, PGUSER and PGPASSWORD name.
use serde_json::{from_str, json, Value};
use tokio_postgres::{Client, Error, NoTls};
use uuid::Uuid;

async fn connect(database: &str) -> Result<Client, Error> {
    let env = |name| std::env::var(name).expect(name);
    let (host, port, user) = (env("PGHOST"), env("PGPORT"), env("PGUSER"));
    let server = format!("host={host} port={port} user={user} password={}", env("PGPASSWORD"));
    let (db, connection) =
        tokio_postgres::connect(&format!("{server} dbname={database}"), NoTls).await?;
    tokio::spawn(connection);
    Ok(db)
}

async fn append(db: &Client, order: Uuid, expected: i32, event: Value) -> Result<i32, Error> {
    let text = "SELECT goes_append_json('order', $1, $2, expected_version => $3)";
    Ok(db.query_one(text, &[&order, &event, &expected]).await?.get(0))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    connect("postgres").await?.batch_execute("CREATE DATABASE shop_tokio").await?;
    let mut db = connect("shop_tokio").await?;
    db.batch_execute(include_str!("../../shop.sql")).await?; // makes the store
    let (order, paid) = (Uuid::new_v4(), json!({"name": "order.paid"}));
    println!("appended: version {}", append(&db, order, 0, json!({"name": "order.placed"})).await?);
    if let Err(error) = append(&db, order, 0, paid.clone()).await { // what we believe
        let Some(conflict) = error.as_db_error().filter(|error| error.code().code() == "VE001") else {
            return Err(error);
        };
        let detail: Value = from_str(conflict.detail().unwrap_or_default()).expect("JSON");
        let version = detail["current_version"].as_i64().expect("a number") as i32;
        println!("conflict: the order is at version {version}"); // decide anew
        append(&db, order, version, paid).await?;
    }
    for event in db.query("SELECT * FROM goes_history('order', $1)", &[&order]).await? {
        println!("history: {} {}", event.get::<_, i32>(5), event.get::<_, &str>("name"));
    }
    let (mut streamed, mut followed) = (0, 0);
    let tx = db.transaction().await?;
    tx.execute("SELECT goes_query_cursor(names => '{page.viewed}', portal => 'views')", &[]).await?;
    while let views @ 1.. = tx.query("FETCH 1000 FROM views", &[]).await?.len() {
        streamed += views;
    }
    tx.commit().await?;
    while let page @ 1.. = db.query(include_str!("../../follow.sql"), &[]).await?.len() {
        followed += page; // a real reader goes on for ever
    }
    println!("streamed: {streamed} events\nfollowed: {followed} events");
    let events = db.query("SELECT * FROM goes_claim('mails', 'worker 1', 100)", &[]).await?;
    for event in &events { // the effects and goes_done in one statement: both or neither
        let (partition, epoch): (i32, i64) = (event.get("partition"), event.get("epoch"));
        let work = "WITH mail AS (INSERT INTO mails VALUES ($3) RETURNING position)
                    SELECT goes_done('mails', $1, $2, done => ARRAY[position]) FROM mail";
        db.execute(work, &[&partition, &epoch, &event.get::<_, i64>("position")]).await?;
    }
    println!("worked: {} events", events.len());
    connect("postgres").await?.batch_execute("DROP DATABASE shop_tokio WITH (FORCE)").await
}
