// What the peers in Node share: the protocol of bench/README.md, and the events that every store has.
import { randomBytes, randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'

export const COMMON = 'order.item_added', RARE = 'order.disputed', PAID = 'order.paid'
export const MOST_READ = 100000, COMMON_READ = 1000
const LOST = 10                                          // seconds until an event counts as lost

// now: seconds of a clock that only goes forward.
export const now = () => performance.now() / 1000

export const storedId = number => `019a0000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`

const aggregateId = (length, number) =>
  `${length.toString().padStart(8, '0')}-0000-4000-8000-${number.toString(16).padStart(12, '0')}`

// anyAggregate: the id of one of the aggregates of that many events.
export function anyAggregate({ size, count }) {
  const there = size / 10 * (count === 10 ? 6 : 2) / count
  return aggregateId(count, Math.floor(Math.random() * there))
}

export const anyId = ({ size }) => storedId(Math.floor(Math.random() * size))

// storedChunks: what a store of a size has, ten events of an aggregate at a time; see goes_bench_fill.c.
export function* storedChunks(size) {
  for (let chunk = 0; chunk < size / 10; chunk++) {
    const place = chunk % 10, round = Math.floor(chunk / 10)
    const length = place < 2 ? 1000 : place < 4 ? 100 : 10
    const number = length === 10 ? round * 6 + place - 4 : round * 2 + chunk % 2
    const there = length === 10 ? size / 10 * 6 / 10 : size / 10 * 2 / length
    const events = []
    for (let n = chunk * 10; n < chunk * 10 + 10; n++)
      events.push({
        id: storedId(n),
        name: n % (size / 100) === 0 ? RARE : n % 10 === 5 ? PAID : COMMON,
        data: { sku: randomBytes(16).toString('hex'), quantity: n % 7, customer: randomBytes(16).toString('hex'),
          channel: 'web', note: 'leave it at the back door, please' }
      })
    yield { aggregate: aggregateId(length, number % there), version: Math.floor(number / there) * 10, events }
  }
}

// newEvents: what a client stores.
export function newEvents(count) {
  return Array.from({ length: count }, (_, i) => ({
    id: randomUUID(),
    name: COMMON,
    data: { sent: now(), sku: randomBytes(8).toString('hex'), quantity: i % 7, channel: 'web',
      customer: randomBytes(16).toString('hex'), note: 'leave it at the back door, please' }
  }))
}

// fill: stores the chunks, eight at a time. No two of eight are of one aggregate.
export async function fill(size, store) {
  let group = []
  for (const chunk of storedChunks(size)) {
    group.push(store(chunk))
    if (group.length === 8) await Promise.all(group.splice(0))
  }
  await Promise.all(group)
}

// work: what a client does in a turn.
async function work(operation, turn, latencies) {
  const client = { aggregate: randomUUID(), version: 0 }
  const start = now(), end = start + turn.seconds
  let events = 0, last = start
  while (last < end) {
    events += await operation(turn, client)
    const then = now()
    latencies.push(Math.round(1e6 * (then - last)))
    last = then
  }
  return { start, end: last, events }
}

async function takeTurn(peer, turn) {
  const operation = peer[turn.scenario === 'follow' ? 'append' : turn.scenario]
  const isFollowed = turn.scenario === 'follow'
  if (!operation || (isFollowed && !peer.follow)) return { unsupported: 1 }
  turn.hot = randomUUID()
  const latencies = [], delays = []
  let lastNews = now()
  const stop = isFollowed && await peer.follow(data => {
    lastNews = now()
    delays.push(Math.round(1e6 * (lastNews - data.sent)))
  })
  const clients = await Promise.all(Array.from({ length: turn.clients }, () => work(operation, turn, latencies)))
  const stored = clients.reduce((sum, client) => sum + client.events, 0)
  let end = Math.max(...clients.map(client => client.end))
  if (isFollowed) {
    while (delays.length < stored && now() < Math.max(lastNews, end) + LOST)
      await new Promise(resolve => setTimeout(resolve, 1))
    end = Math.max(end, lastNews)
    await stop()
  }
  return {
    operations: latencies.length,
    events: isFollowed ? delays.length : stored,
    stored,
    seconds: end - Math.min(...clients.map(client => client.start)),
    latencies_us: isFollowed ? delays : latencies
  }
}

// serve: does what the standard input says. open(url, size) fills the store, and returns an object with a
// function for each scenario that the peer has, and "count", a query for the number of its events.
export async function serve(open) {
  let peer, size
  for await (const line of createInterface({ input: process.stdin })) {
    const [verb, ...words] = line.split(' ')
    let answer
    if (verb === 'open') {
      size = Number(words[1])
      peer = await open(words[0], size)
      answer = { ready: 1, count: peer.count }
    } else {
      const [scenario, clients, count, seconds] = words
      answer = await takeTurn(peer,
        { scenario, clients: Number(clients), count: Number(count), seconds: Number(seconds), size })
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
  process.exit(0)
}
