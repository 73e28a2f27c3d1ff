// dcb-es: its event store for PostgreSQL. An aggregate is a tag; what must not have happened since is a
// condition of the append.
import { Query, Tags } from '@dcb-es/event-store'
import { PostgresEventStore } from '@dcb-es/event-store-postgres'
import pg from 'pg'
import { anyAggregate, COMMON, COMMON_READ, MOST_READ, newEvents, PAID, RARE, serve, storedChunks } from './peer.mjs'

const FILL = 900                                          // chunks that are appended together
const tags = aggregate => Tags.from([`order:${aggregate}`])
const about = aggregate => Query.fromItems([{ types: [COMMON, PAID, RARE], tags: tags(aggregate) }])
const events = (aggregate, made) =>
  made.map(({ name, data }) => ({ type: name, tags: tags(aggregate), data, metadata: {} }))

await serve(async (url, size) => {
  const pool = new pg.Pool({ connectionString: url, max: 66 })
  const store = new PostgresEventStore({ pool })
  await store.ensureInstalled()
  let commands = []
  for (const chunk of storedChunks(size)) {
    commands.push({ events: events(chunk.aggregate, chunk.events) })
    if (commands.length === FILL) await store.append(commands.splice(0))
  }
  if (commands.length > 0) await store.append(commands)
  await pool.query('VACUUM (ANALYZE) events')

  async function read(query, limit) {
    let count = 0
    for await (const event of store.read(query, { limit })) count += event.event.data !== undefined
    return count
  }

  return {
    count: 'SELECT count(*) FROM events',
    async append(turn, client) {
      client.after = await store.append({
        events: events(client.aggregate, newEvents(1)),
        condition: { failIfEventsMatch: about(client.aggregate), after: client.after }
      })
      return 1
    },
    async hot(turn) {
      await store.append({ events: events(turn.hot, newEvents(1)) })
      return 1
    },
    async batch(turn) {
      const aggregate = crypto.randomUUID()
      await store.append({
        events: events(aggregate, newEvents(turn.count)), condition: { failIfEventsMatch: about(aggregate) }
      })
      return turn.count
    },
    load: turn => read(about(anyAggregate(turn))),
    common: () => read(Query.fromItems([{ types: [COMMON] }]), COMMON_READ),
    rare: () => read(Query.fromItems([{ types: [RARE] }])),
    everything: () => read(Query.all(), MOST_READ),
    async follow(take) {
      const stop = new AbortController()
      let after
      for await (const event of store.read(Query.all(), { backwards: true, limit: 1 })) after = event.position
      const loop = (async () => {
        for await (const event of store.subscribe(Query.all(), { after, pollIntervalMs: 20, signal: stop.signal }))
          take(event.event.data)
      })()
      return async () => {
        stop.abort()
        await loop
      }
    }
  }
})
