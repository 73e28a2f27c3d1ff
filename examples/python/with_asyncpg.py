"""A shop by asyncpg, on the server that PGHOST, PGPORT, PGUSER and PGPASSWORD name."""
import asyncio, json, uuid
import asyncpg

async def main():
    postgres = await asyncpg.connect(database="postgres")
    await postgres.execute("CREATE DATABASE shop_asyncpg")
    db = await asyncpg.connect(database="shop_asyncpg")
    await db.execute(open("../shop.sql").read())  # makes the store
    order = uuid.uuid4()

    async def append(expected, name, data):
        return await db.fetchval("SELECT goes_append_json('order', $1, $2, expected_version => $3)",
                                 order, json.dumps({"name": name, "data": data}), expected)

    print("appended: version", await append(0, "order.placed", {"total": 30}))
    version = 0                                   # what we believe, though it is not so
    while version != 2:
        try:
            version = await append(version, "order.paid", {"by": "card"})
        except asyncpg.PostgresError as error:
            if error.sqlstate != "VE001":
                raise
            version = json.loads(error.detail)["current_version"]
            print("conflict: the order is at version", version)   # load it, decide anew, try again

    for event in await db.fetch("SELECT * FROM goes_history('order', $1)", order):
        print("history:", event["aggregate_version"], event["name"])

    streamed = 0
    async with db.transaction():
        await db.execute("SELECT goes_query_cursor(names => '{page.viewed}', portal => 'views')")
        while views := await db.fetch("FETCH 1000 FROM views"):
            streamed += len(views)
    print("streamed:", streamed, "events")

    followed, page = 0, True
    while page:                                   # a real reader goes on for ever
        async with db.transaction():              # the effects and the cursor, both or neither
            *page, cursor = await db.fetch("""SELECT position, id, name, data
                FROM goes_feed((SELECT position FROM readers FOR UPDATE),
                               after_id => (SELECT id FROM readers FOR UPDATE), wait_ms => 100)""")
            followed += len(page)
            await db.execute("UPDATE readers SET position = $1, id = $2", *cursor[:2])
    print("followed:", followed, "events")

    claim = """SELECT "partition", epoch, position, name, data
               FROM goes_claim('mails', 'worker 1', 100, wait_ms => 100)"""
    while events := await db.fetch(claim):        # a real worker goes on for ever
        for partition, epoch, position, name, data in events:
            async with db.transaction():          # the effects and goes_done, both or neither
                await db.execute("INSERT INTO mails VALUES ($1)", position)
                await db.execute("SELECT goes_done('mails', $1, $2, done => $3)",
                                 partition, epoch, [position])
        print("worked:", len(events), "events")

    await db.close()
    await postgres.execute("DROP DATABASE shop_asyncpg WITH (FORCE)")

asyncio.run(main())
