// message-db: its functions, called by pg. What reads by name takes its SQL conditions, and what finds by id
// asks the table, which has an index for that.
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { createRequire } from 'node:module'
import pg from 'pg'
import { anyAggregate, anyId, COMMON, COMMON_READ, fill, MOST_READ, newEvents, RARE, serve }
  from './peer.mjs'

const CATEGORY = 'shopOrder', PAGE = 1000
const write = {
  name: 'write', text: 'SELECT write_message($1, $2, $3, $4, NULL, $5)'
}
// A batch is one statement, which is faster than a statement for each message in a transaction.
const writeAll = {
  name: 'writeAll', text: `SELECT write_message(id, $1, type, data::jsonb, NULL, expected)
    FROM unnest($2::varchar[], $3::varchar[], $4::text[], $5::bigint[]) AS messages(id, type, data, expected)`
}
const stream = aggregate => `${CATEGORY}-${aggregate}`

// install: runs message-db's own script.
function install(url) {
  const folder = dirname(createRequire(import.meta.url).resolve('@eventide/message-db/package.json'))
  const { hostname, port, username, password, pathname } = new URL(url)
  execFileSync('bash', [join(folder, 'database/install.sh')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: password,
      DATABASE_NAME: pathname.slice(1), CREATE_DATABASE: 'off' }
  })
}

await serve(async (url, size) => {
  install(url)
  const pool = new pg.Pool({ connectionString: url, max: 65,
    options: '-c search_path=message_store,public -c message_store.sql_condition=on' })
  const rows = async query => (await pool.query(query)).rows

  const store = (aggregate, version, events) => rows({
    ...writeAll, values: [stream(aggregate), events.map(event => event.id), events.map(event => event.name),
      events.map(event => JSON.stringify(event.data)), events.map((_, i) => version - 1 + i)]
  })
  await fill(size, ({ aggregate, version, events }) => store(aggregate, version, events))
  await pool.query('VACUUM (ANALYZE) messages')

  // readCategory: so many of a category, a page after the other.
  async function readCategory(most, condition) {
    let read = 0, position = 1
    for (;;) {
      const page = await rows({
        name: `category ${condition}`, text: `SELECT * FROM get_category_messages('${CATEGORY}', $1, $2, condition => $3)`,
        values: [position, Math.min(PAGE, most - read), condition]
      })
      for (const message of page) JSON.parse(message.data)
      read += page.length
      if (page.length < PAGE || read >= most) return read
      position = Number(page.at(-1).global_position) + 1
    }
  }

  return {
    count: 'SELECT count(*) FROM message_store.messages',
    async append(turn, client) {
      const [event] = newEvents(1)
      await rows({ ...write, values: [event.id, stream(client.aggregate), event.name, event.data, client.version - 1] })
      client.version++
      return 1
    },
    async hot(turn) {
      const [event] = newEvents(1)
      await rows({ ...write, values: [event.id, stream(turn.hot), event.name, event.data, null] })
      return 1
    },
    async batch(turn) {
      const events = newEvents(turn.count)
      await store(crypto.randomUUID(), 0, events)
      return events.length
    },
    async load(turn) {
      const messages = await rows({
        name: 'load', text: 'SELECT * FROM get_stream_messages($1, 0, 1000)', values: [stream(anyAggregate(turn))]
      })
      for (const message of messages) JSON.parse(message.data)
      return messages.length
    },
    find: async turn =>
      (await rows({ name: 'find', text: 'SELECT * FROM messages WHERE id = $1', values: [anyId(turn)] })).length,
    common: () => readCategory(COMMON_READ, `messages.type = '${COMMON}'`),
    rare: () => readCategory(100, `messages.type = '${RARE}'`),
    everything: () => readCategory(MOST_READ, null),
    // There is a lock for each category, so positions become visible in their order.
    async follow(take) {
      let [{ position }] = await rows('SELECT coalesce(max(global_position), 0) AS position FROM messages')
      let isOver = false
      const loop = (async () => {
        while (!isOver) {
          const page = await rows({
            name: 'follow', text: `SELECT * FROM get_category_messages('${CATEGORY}', $1, ${PAGE})`,
            values: [BigInt(position) + 1n]
          })
          for (const message of page) take(JSON.parse(message.data))
          if (page.length > 0) position = page.at(-1).global_position
          else await new Promise(resolve => setTimeout(resolve, 20))
        }
      })()
      return async () => {
        isOver = true
        await loop
      }
    }
  }
})
