import { createManualClock, mulberry32 } from '@msc/core/testing'
import { createRealtime, type ChannelOptions, type Realtime } from '../../create-realtime.ts'
import { createFickleServer, type FickleServer } from './fickle-server.ts'

const KINDS = [
  'plain',
  'history',
  'typed',
  'typed rewind',
  'from',
  'typed from',
  'rewind',
  'feed',
  'rows',
  'feed from',
  'rows from',
] as const
type Kind = (typeof KINDS)[number]
interface Told {
  readonly n: number
  /** Whose subscription it came by. */
  readonly to: string | undefined
}

/** One subscriber, and what it ought to be told. */
interface View {
  readonly topic: string
  readonly name: string
  last: number
  isOver: boolean
  /** Missed, as long as nobody has said so. */
  lost: string | undefined
  stop(): void
  /** Leaves, and another goes on from where it was. */
  handOver?(): void
}

/** A subscriber that goes on from where another was. */
interface Before extends Pick<View, 'topic' | 'name' | 'last' | 'lost'> {
  readonly owner: string
  readonly from: string
  readonly heard: Set<number>
  readonly isSynced: boolean
}

/** One run of a client: its world, and what was wrong. */
interface Run {
  readonly random: () => number
  readonly server: FickleServer
  readonly client: Realtime
  readonly views: View[]
  readonly broken: string[]
  readonly pause: (ms: number) => Promise<void>
  isClosed: boolean
  /** The application does nothing by itself any more. */
  isQuiet: boolean
  rowsFail: boolean
}

/** Opens a channel or a feed that notes what it should not have been told. */
function open(run: Run, before?: Before): void {
  const { random, server, client, views, broken, pause } = run
  if (run.isClosed) return
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const kind: Kind = before ? pick(['from', 'typed from'] as const) : pick(KINDS)
  const isFeed = /feed|rows/.test(kind)
  const owner = before?.owner ?? pick(['x', 'y'])
  const topic = isFeed ? `feed:items:${owner}` : `room:${owner}`
  const from = before?.from ?? (kind.endsWith('from') ? server.position(topic) : undefined)
  /** Whoever does not say where to begin begins with the first that is told. */
  let isSynced = before?.isSynced ?? from !== undefined
  let heard = before?.heard ?? new Set<number>()
  let isLive = false
  const view: View = {
    topic,
    name: `#${views.length} ${kind}${before ? ` after ${before.name}` : ''}`,
    last: before?.last ?? server.count(topic) - 1,
    isOver: false,
    lost: before?.lost,
    stop: () => undefined,
  }
  views.push(view)

  const alive = (what: string): void => {
    if (view.isOver || run.isClosed) broken.push(`${view.name}: ${what} after its end`)
  }
  const begin = (last: number): void => {
    view.last = last
    view.lost = undefined
    isSynced = true
    heard = new Set()
  }
  /** An application may do anything in its handlers. */
  const react = (): void => {
    const what = run.isQuiet ? 1 : random()
    if (what < 0.02) end(view)
    else if (what < 0.04) open(run)
    else if (what < 0.06) end(pick(views))
    else if (what < 0.1) view.handOver?.()
  }
  const onMessage = ({ n, to }: Told): void => {
    alive('a message')
    if (to !== server.user) broken.push(`${view.name}: ${n} of ${to} is told to ${server.user}`)
    if (heard.has(n)) broken.push(`${view.name}: ${n} twice`)
    if (kind !== 'plain' && isSynced && n > view.last + 1)
      view.lost = `${view.name}: nothing of ${view.last + 1} to ${n - 1}`
    heard.add(n)
    view.last = isSynced ? Math.max(view.last, n) : n
    isSynced = true
    react()
  }
  const onGap = (): void => {
    alive('a gap')
    // It loads by itself, or its rows are loaded.
    if (!kind.startsWith('rows')) begin(server.count(topic) - 1)
    react()
  }
  const load = async (): Promise<readonly Told[]> => {
    alive('a load')
    const rows = [{ n: server.count(topic) - 1, to: undefined }]
    await pause(400)
    if (run.rowsFail) throw new Error('no rows')
    return rows
  }
  if (isFeed) {
    view.stop = client.feed<Told>('items', owner, {
      from,
      onChange: ({ data }) => onMessage(data),
      onGap,
      ...(kind.startsWith('rows') && {
        snapshot: load,
        onSnapshot(rows: readonly Told[]) {
          alive('rows')
          begin(rows.at(-1)?.n ?? 0)
          react()
        },
      }),
    })
    return
  }
  const validate = async (value: unknown): Promise<{ readonly value: unknown }> => {
    await pause(30)
    return { value }
  }
  const options: ChannelOptions = {
    history: kind !== 'plain',
    from,
    rewind: kind.endsWith('rewind') ? 5 : undefined,
    events: kind.startsWith('typed')
      ? { INSERT: { '~standard': { version: 1, vendor: 'test', validate } } }
      : undefined,
  }
  const channel = client.channel(topic, options)
  channel.on('INSERT', (data) => onMessage(data as unknown as Told))
  channel.onGap(onGap)
  channel.onError(() => alive('an error'))
  channel.onReady((ready) => (isLive = ready))
  view.stop = () => channel.leave()
  if (kind === 'plain') return
  view.handOver = () => {
    const { position } = channel
    const { name, last, lost } = view
    if (view.isOver) return
    end(view)
    if (position !== undefined) open(run, { topic, owner, from: position, heard, last, lost, isSynced, name })
    // A beginning that could not be read says nothing of where it is before its gap is told.
    else if (heard.size > 0 && isLive && !kind.endsWith('rewind'))
      broken.push(`${name}: has no position though it heard ${last}`)
  }
}

function end(view: View): void {
  view.stop()
  view.isOver = true
}

/**
 * Users come and go, connections and histories are lost, and what is asked for fails, while subscribers of all kinds open and
 * leave. Whatever happens, nothing is told twice, to another user than the one it came to, or to who has left; what is missing
 * is said to be; and in the end everybody is where the server is.
 *
 * @param tokens Of two users.
 * @returns What was not so.
 */
export async function runFickleUsers(seed: number, tokens: readonly string[]): Promise<readonly string[]> {
  const random = mulberry32(seed)
  const clock = createManualClock(Date.now())
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => void clock.setTimeout(resolve, Math.floor(random() * ms)))
  const server = createFickleServer(random, clock)
  const { mood } = server
  let token: string | undefined = tokens[0]
  let tokenFails = false
  const client = createRealtime({
    driver: server.driver,
    clock,
    random,
    timeoutMs: 2000,
    async getToken() {
      await pause(50)
      if (tokenFails) throw new Error('no token')
      return token
    },
    onError: () => undefined,
  })
  const run: Run = {
    random,
    server,
    client,
    views: [],
    broken: [],
    pause,
    isClosed: false,
    isQuiet: false,
    rowsFail: false,
  }
  const { views, broken } = run
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const topics = ['room:x', 'room:y', 'feed:items:x', 'feed:items:y']
  /** What happens, each as often as its number of a hundred says. */
  const happenings: readonly (readonly [share: number, happen: () => void])[] = [
    [10, () => open(run)],
    [12, () => views.length > 0 && pick(views).handOver?.()],
    [
      20,
      () => {
        const topic = pick(topics)
        for (let left = random() < 0.3 ? 3 : 1; left > 0; left--) server.commit(topic)
      },
    ],
    [6, () => server.drop(random() < 0.5 ? undefined : pick(topics))],
    [
      6,
      () => {
        token = pick([...tokens, undefined])
        client.refreshToken().catch(() => undefined)
      },
    ],
    [4, () => (mood.isAway = !mood.isAway)],
    [4, () => (mood.failsToRead = !mood.failsToRead)],
    [4, () => (run.rowsFail = !run.rowsFail)],
    [2, () => (tokenFails = !tokenFails)],
    [2, () => (mood.refusesNobody = !mood.refusesNobody)],
    [2, () => server.restore()],
    [6, () => views.length > 0 && end(pick(views))],
  ]
  for (let step = 0; step < 60; step++) {
    let left = random() * 100
    happenings.find(([share]) => (left -= share) < 0)?.[1]()
    await clock.advance(Math.floor(random() * pick([0, 400, 400, 4000])))
  }
  run.isQuiet = true
  run.rowsFail = tokenFails = mood.isAway = mood.failsToRead = mood.refusesNobody = false
  const rest = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 500) await clock.advance(500)
  }
  await rest(60_000)
  for (const topic of topics) server.commit(topic)
  await rest(10_000)
  for (const { name, topic, last, lost, isOver } of views) {
    if (isOver) continue
    if (lost) broken.push(lost)
    if (last !== server.count(topic) - 1) broken.push(`${name}: ends at ${last} of ${server.count(topic) - 1}`)
  }
  for (const topic of server.joined.keys()) {
    if (!views.some((view) => view.topic === topic && !view.isOver)) broken.push(`${topic} is joined for nobody`)
  }
  // In the middle of a change of users, as often as not.
  token = pick(tokens)
  client.refreshToken().catch(() => undefined)
  await clock.advance(Math.floor(random() * 60))
  const closed = client.close()
  await Promise.resolve()
  run.isClosed = true
  await rest(60_000)
  await closed
  if (server.joined.size > 0) broken.push('something is still joined')
  if (clock.pending > 0) broken.push('a timer is left')
  return broken
}
