// A shop by pg, on the server that PGHOST, PGPORT, PGUSER and PGPASSWORD name.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pg from 'pg'

const postgres = new pg.Client({ database: 'postgres' })
await postgres.connect()
await postgres.query('CREATE DATABASE shop_pg')
const db = new pg.Client({ database: 'shop_pg' })
await db.connect()
await db.query(readFileSync('../shop.sql', 'utf8'))     // makes the store
const order = randomUUID()
const rows = async (text, values) => (await db.query(text, values)).rows
async function append(expected, name, data) {
  return (await rows("SELECT goes_append_json('order', $1, $2, expected_version => $3) AS version",
    [order, JSON.stringify({ name, data }), expected]))[0].version
}
console.log('appended: version', await append(0, 'order.placed', { total: 30 }))
for (let version = 0; version !== 2;) try {             // what we believe, though it is not so
  version = await append(version, 'order.paid', { by: 'card' })
} catch (error) {
  if (error.code !== 'VE001') throw error
  version = JSON.parse(error.detail).current_version
  console.log('conflict: the order is at version', version)   // load it, decide anew, try again
}
for (const event of await rows("SELECT * FROM goes_history('order', $1)", [order]))
  console.log('history:', event.aggregate_version, event.name)

let streamed = 0, followed = 0, page, events
await db.query('BEGIN')
await db.query("SELECT goes_query_cursor(names => '{page.viewed}', portal => 'views')")
while ((page = await rows('FETCH 1000 FROM views')).length > 0) streamed += page.length
await db.query('COMMIT')
console.log('streamed:', streamed, 'events')

do {                                                    // a real reader goes on for ever
  await db.query('BEGIN')                               // the effects and the cursor, or neither
  page = await rows(`SELECT position, id, name, data
    FROM goes_feed((SELECT position FROM readers FOR UPDATE),
                   after_id => (SELECT id FROM readers FOR UPDATE), wait_ms => 100)`)
  const { position, id } = page.pop()
  await db.query('UPDATE readers SET position = $1, id = $2', [position, id])
  await db.query('COMMIT')
  followed += page.length
} while (page.length > 0)
console.log('followed:', followed, 'events')

const claim = "SELECT * FROM goes_claim('mails', 'worker 1', 100, wait_ms => 100)"
while ((events = await rows(claim)).length > 0) {       // a real worker goes on for ever
  for (const { partition, epoch, position } of events) {
    await db.query('BEGIN')                             // the effects and goes_done, or neither
    await db.query('INSERT INTO mails VALUES ($1)', [position])
    await db.query("SELECT goes_done('mails', $1, $2, done => $3)", [partition, epoch, [position]])
    await db.query('COMMIT')
  }
  console.log('worked:', events.length, 'events')
}
await db.end()
await postgres.query('DROP DATABASE shop_pg WITH (FORCE)')
await postgres.end()
