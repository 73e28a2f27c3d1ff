"""A shop by psycopg 3, on the server that PGHOST, PGPORT, PGUSER and PGPASSWORD name."""
import json, uuid
import psycopg
from psycopg.types.json import Jsonb

postgres = psycopg.connect("dbname=postgres", autocommit=True)
postgres.execute("CREATE DATABASE shop_psycopg")
db = psycopg.connect("dbname=shop_psycopg", autocommit=True)
db.execute(open("../shop.sql").read())            # makes the store
order = uuid.uuid4()

def append(expected, name, data):
    return db.execute("SELECT goes_append_json('order', %s, %s, expected_version => %s)",
                      [order, Jsonb({"name": name, "data": data}), expected]).fetchone()[0]

print("appended: version", append(0, "order.placed", {"total": 30}))
version = 0                                       # what we believe, though it is not so
while version != 2:
    try:
        version = append(version, "order.paid", {"by": "card"})
    except psycopg.Error as error:
        if error.sqlstate != "VE001":
            raise
        version = json.loads(error.diag.message_detail)["current_version"]
        print("conflict: the order is at version", version)   # load it, decide anew, try again

history = db.execute("SELECT aggregate_version, name, data FROM goes_history('order', %s)", [order])
for version, name, data in history:
    print("history:", version, name)

with db.transaction():
    db.execute("SELECT goes_query_cursor(names => '{page.viewed}', portal => 'views')")
    views = db.cursor("views")                    # it is open already: no execute()
    views.itersize = 1000
    print("streamed:", sum(1 for view in views), "events")

followed, page = 0, True
while page:                                       # a real reader goes on for ever
    with db.transaction():                        # the effects and the cursor, both or neither
        *page, cursor = db.execute("""SELECT position, id, name, data
            FROM goes_feed((SELECT position FROM readers FOR UPDATE),
                           after_id => (SELECT id FROM readers FOR UPDATE), wait_ms => 100)""")
        followed += len(page)
        db.execute("UPDATE readers SET position = %s, id = %s", cursor[:2])
print("followed:", followed, "events")

claim = """SELECT "partition", epoch, position, name, data
           FROM goes_claim('mails', 'worker 1', 100, wait_ms => 100)"""
while events := db.execute(claim).fetchall():     # a real worker goes on for ever
    for partition, epoch, position, name, data in events:
        with db.transaction():                    # the effects and goes_done, both or neither
            db.execute("INSERT INTO mails VALUES (%s)", [position])
            db.execute("SELECT goes_done('mails', %s, %s, done => %s)",
                       [partition, epoch, [position]])
    print("worked:", len(events), "events")

db.close()
postgres.execute("DROP DATABASE shop_psycopg WITH (FORCE)")
