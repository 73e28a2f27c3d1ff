// emmett: its event store for PostgreSQL. It reads streams, and follows by its consumer.
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql'
import pg from 'pg'
import { anyAggregate, fill, newEvents, serve } from './peer.mjs'

const stream = aggregate => `shopOrder-${aggregate}`
const messages = events => events.map(({ name, data }) => ({ type: name, data }))

await serve(async (url, size) => {
  const pool = new pg.Pool({ connectionString: url, max: 65 })
  const store = getPostgreSQLEventStore(url, { connectionOptions: { pool } })
  await store.schema.migrate()
  await fill(size, ({ aggregate, version, events }) =>
    store.appendToStream(stream(aggregate), messages(events), version > 0 ? { expectedStreamVersion: BigInt(version) }
      : { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' }))
  await pool.query('VACUUM (ANALYZE)')

  return {
    count: 'SELECT count(*) FROM emt_messages',
    async append(turn, client) {
      const { nextExpectedStreamVersion } = await store.appendToStream(stream(client.aggregate), messages(newEvents(1)), {
        expectedStreamVersion: client.expected ?? 'STREAM_DOES_NOT_EXIST'
      })
      client.expected = nextExpectedStreamVersion
      return 1
    },
    // It has no append that waits: whoever was overtaken tries again.
    async hot(turn) {
      for (;;) try {
        await store.appendToStream(stream(turn.hot), messages(newEvents(1)))
        return 1
      } catch (error) {
        if (!/version/i.test(error.message) && error.code !== '23505') throw error
      }
    },
    async batch(turn) {
      await store.appendToStream(stream(crypto.randomUUID()), messages(newEvents(turn.count)),
        { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' })
      return turn.count
    },
    load: async turn => (await store.readStream(stream(anyAggregate(turn)))).events.length,
    async follow(take) {
      // "END" is the first message in this version, and not the last.
      const { rows: [{ last }] } = await pool.query('SELECT coalesce(max(global_position), 0) AS last FROM emt_messages')
      // It may give a message out more than once; each counts once.
      const seen = new Set()
      const takeOnce = (data, { globalPosition }) => {
        if (seen.has(globalPosition)) return
        seen.add(globalPosition)
        take(data)
      }
      const consumer = store.consumer({ pulling: { batchSize: 1000, pullingFrequencyInMs: 20 } })
      consumer.reactor({
        processorId: crypto.randomUUID(), startFrom: { lastCheckpoint: BigInt(last) }, eachMessage: ({ data, metadata }) => takeOnce(data, metadata)
      })
      const running = consumer.start()
      return async () => {
        await consumer.close()
        await running
      }
    }
  }
})
