// A shop by postgres, on the server that PGHOST, PGPORT, PGUSER and PGPASSWORD name.
import { randomUUID } from 'node:crypto'
import postgres from 'postgres'

const server = postgres({ database: 'postgres' })
await server`CREATE DATABASE shop_postgres`
const sql = postgres({ database: 'shop_postgres', onnotice: () => {} })
await sql.file('../shop.sql')                           // makes the store
const order = randomUUID()

async function append(expected, name, data) {
  const [row] = await sql`SELECT goes_append_json('order', ${order}, ${sql.json({ name, data })},
                                                  expected_version => ${expected}) AS version`
  return row.version
}

console.log('appended: version', await append(0, 'order.placed', { total: 30 }))
for (let version = 0; version !== 2;) try {             // what we believe, though it is not so
  version = await append(version, 'order.paid', { by: 'card' })
} catch (error) {
  if (error.code !== 'VE001') throw error
  version = JSON.parse(error.detail).current_version
  console.log('conflict: the order is at version', version)   // load it, decide anew, try again
}

for (const event of await sql`SELECT * FROM goes_history('order', ${order})`)
  console.log('history:', event.aggregate_version, event.name)

let streamed = 0, followed = 0, page, events
await sql.begin(async sql => {
  await sql`SELECT goes_query_cursor(names => '{page.viewed}', portal => 'views')`
  while ((page = await sql`FETCH 1000 FROM views`).length > 0) streamed += page.length
})
console.log('streamed:', streamed, 'events')

do {                                                    // a real reader goes on for ever
  await sql.begin(async sql => {                        // the effects and the cursor, or neither
    page = await sql`SELECT position, id, name, data
      FROM goes_feed((SELECT position FROM readers FOR UPDATE),
                     after_id => (SELECT id FROM readers FOR UPDATE), wait_ms => 100)`
    const { position, id } = page.pop()
    await sql`UPDATE readers SET position = ${position}, id = ${id}`
  })
  followed += page.length
} while (page.length > 0)
console.log('followed:', followed, 'events')

const claim = () => sql`SELECT * FROM goes_claim('mails', 'worker 1', 100, wait_ms => 100)`
while ((events = await claim()).length > 0) {           // a real worker goes on for ever
  for (const { partition, epoch, position } of events) {
    await sql.begin(async sql => {                      // the effects and goes_done, or neither
      await sql`INSERT INTO mails VALUES (${position})`
      await sql`SELECT goes_done('mails', ${partition}, ${epoch}, done => ${[position]})`
    })
  }
  console.log('worked:', events.length, 'events')
}
await sql.end()
await server`DROP DATABASE shop_postgres WITH (FORCE)`
await server.end()
