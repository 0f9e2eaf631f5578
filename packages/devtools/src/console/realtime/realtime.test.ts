import { createMemoryJournal } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { createConsole } from '../create-console.ts'
import { createFollows } from './follows.ts'
import { createFormTokens } from './forms.ts'
import type { RealtimeMessage, RealtimePort, RealtimeRoom, RealtimeRooms, RealtimeTotals } from './port.ts'
import { roomFrom, roomQuery, visible } from './topic.ts'

const LOBBY: RealtimeRoom = {
  topic: 'lobby',
  private: true,
  members: 2,
  users: 1,
  present: 1,
  messagesPerSecond: 1.25,
  waitingBytes: 2048,
}
const TOTALS: RealtimeTotals = {
  stats: {
    connections: 2,
    connectionsBy: { websocket: 2, sse: 0 },
    rooms: 1,
    members: 2,
    waitingBytes: 0,
    refused: { RATE_LIMITED: 3 },
    health: { status: 'ok', reasons: [] },
    feeds: { mode: 'listening', waiting: 0, outbox: { rows: 5000, bytes: 1024 * 1024 } },
    bus: { name: 'redis', others: 1, waiting: 0, dropped: 0, failing: false },
  },
  perSecond: { joins: 0, leaves: 0, broadcasts: 1.25, deliveries: 12, refused: 0 },
}

interface Fake {
  readonly port: RealtimePort
  readonly kicks: unknown[]
  readonly say: (message: Partial<RealtimeMessage>) => void
  readonly followed: () => number
}

function fake(
  changes: { rooms?: Partial<RealtimeRooms>; totals?: RealtimeTotals; list?: readonly object[]; room?: object } = {},
): Fake {
  const kicks: unknown[] = []
  const handlers = new Set<(message: RealtimeMessage) => void>()
  const port: RealtimePort = {
    kick(kicked, reason) {
      kicks.push({ ...kicked, reason })
      return 2
    },
    inspect: () => ({
      totals: () => changes.totals ?? TOTALS,
      rooms: async () => ({ rooms: [LOBBY], total: 1, ...changes.rooms }),
      room: (topic, isPrivate) => ({
        ...LOBBY,
        topic,
        private: isPrivate,
        list: (changes.list ?? [{ sub: 'ana', session: '0b8f2c1e', transport: 'websocket', joinedAt: 0 }]) as never,
        refusedOfLate: [{ code: 'FORBIDDEN', count: 4, lastAt: 0 }],
        ...changes.room,
      }),
      follow(_topic, _isPrivate, handler) {
        handlers.add(handler)
        return () => handlers.delete(handler)
      },
    }),
  }
  const say = (message: Partial<RealtimeMessage>): void => {
    for (const handler of handlers) handler({ at: 0, event: 'note', bytes: 2, isCut: false, dropped: 0, ...message })
  }
  return { port, kicks, say, followed: () => handlers.size }
}

const consoleOf = (realtime: RealtimePort | (() => RealtimePort | undefined), isAdmin = true) =>
  createConsole({ journal: createMemoryJournal(), authorize: () => isAdmin, realtime })
type Console = ReturnType<typeof consoleOf>
const get = (console: Console, path: string): Promise<Response> =>
  console(new Request(`http://127.0.0.1/devtools/realtime${path}`))
const textOf = async (console: Console, path: string): Promise<string> => (await get(console, path)).text()
const unescape = (text: string): string =>
  text
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')

/** What a browser would send for the form of a page that has this label. */
async function formOf(console: Console, path: string, label: string): Promise<Record<string, string>> {
  const page = await textOf(console, path)
  const form =
    page
      .split('<form')
      .map((part) => part.split('</form>')[0] ?? '')
      .find((part) => part.includes('method="post"') && part.includes(label)) ?? ''
  const fields = [...form.matchAll(/name="(\w+)"\s+value="([^"]*)"/g)]
  return Object.fromEntries(fields.map(([, field = '', value = '']) => [field, unescape(value)]))
}
const post = (
  console: Console,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> =>
  console(
    new Request('http://127.0.0.1/devtools/realtime/kick', {
      method: 'POST',
      headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(form),
    }),
  )

describe('the realtime page', () => {
  it('lists rooms with what is true of the server at its head, as a page and as JSON', async () => {
    const console = consoleOf(fake({ rooms: { next: '2 private lobby', total: 9 } }).port)
    const page = await textOf(console, '?search=lob')
    for (const part of [
      '2 connections in 1 room',
      '2 websocket',
      '12 deliveries a second',
      '3 RATE_LIMITED',
      'outbox about 5000 rows, 1.0 MiB',
      '1 other process, 0 waiting',
      '/devtools/realtime/room?topic=lobby&amp;kind=private',
      '2.0 KiB',
      'search=lob&amp;after=2+private+lobby',
    ]) {
      expect(page).toContain(part)
    }
    const data: unknown = await (await get(console, '?format=json')).json()
    expect(data).toMatchObject({ rooms: [LOBBY], total: 9, stats: TOTALS.stats })
  })

  it('says what is wrong with a server that is degraded', async () => {
    const health = { status: 'degraded', reasons: ['BUS_FAILING', 'NEW_REASON'] } as const
    const console = consoleOf(fake({ totals: { ...TOTALS, stats: { ...TOTALS.stats, health } } }).port)
    expect(await textOf(console, '')).toContain('Degraded: other servers can not be told anything; NEW_REASON')
  })

  it('says so where there is no server, and is not there where none was passed', async () => {
    expect(
      await textOf(
        consoleOf(() => undefined),
        '',
      ),
    ).toContain('There is no realtime server in this process.')
    const without = createConsole({ journal: createMemoryJournal(), authorize: () => true })
    expect((await get(without, '')).status).toBe(404)
    expect(() => consoleOf({ inspect: () => undefined } as never)).toThrow('`realtime` does not implement kick')
  })

  it('is nobody’s but an administrator’s', async () => {
    const { port, kicks } = fake()
    const form = await formOf(consoleOf(port), '/room?topic=lobby&kind=private', 'everybody')
    const stranger = consoleOf(port, false)
    for (const path of ['', '/room?topic=lobby&kind=private', '/follow?topic=lobby&kind=private']) {
      expect((await get(stranger, path)).status).toBe(404)
    }
    expect((await post(stranger, form)).status).toBe(404)
    expect(kicks).toEqual([])
  })

  it('finds the page of any room by its link', () => {
    const topics = fc.oneof(fc.string({ minLength: 1 }), fc.string({ unit: 'binary', minLength: 1 }), HALVES)
    fc.assert(
      fc.property(topics, fc.boolean(), (topic, isPrivate) => {
        const room = { topic, private: isPrivate }
        expect(roomFrom(new URL(`http://x/?${roomQuery(room)}`).searchParams)).toEqual(room)
      }),
    )
  })

  it.each(['', '?kind=private', '?topic=a', '?topic=a&kind=all', '?json=3&kind=public', '?json=%7B&kind=public'])(
    'has no page for the room %j',
    async (query) => {
      const console = consoleOf(fake().port)
      expect((await get(console, `/room${query}`)).status).toBe(404)
      expect((await get(console, `/follow${query}`)).status).toBe(404)
    },
  )
})

const HALVES = fc.constantFrom('\ud800', 'a\udc00b', '\r\n', '\0', '"', '<script>', '..', '%', '&kind=public')

describe('a room', () => {
  it('shows its members, and what was refused there', async () => {
    const list = [
      { sub: 'ana', session: '0b8f2c1e', transport: 'sse', joinedAt: 0, presenceKey: 'ana:phone' },
      { transport: 'websocket', joinedAt: 0 },
    ]
    const console = consoleOf(fake({ list, room: { next: 7, kept: 'feed' } }).port)
    const page = await textOf(console, '/room?topic=lobby&kind=private')
    for (const part of ['ana:phone', '0b8f2c1e…', 'sse', 'no account', 'FORBIDDEN', 'after=7', 'feed']) {
      expect(page).toContain(part)
    }
    const data: unknown = await (await get(console, '/room?topic=lobby&kind=private&format=json')).json()
    expect(data).toMatchObject({ topic: 'lobby', list, next: 7 })
  })
})

describe('kicking', () => {
  const ROOM = '/room?topic=lobby&kind=private'

  it('sends one user away, or everybody, as the form says, and goes back to the room', async () => {
    const { port, kicks } = fake()
    const console = consoleOf(port)
    const one = await formOf(console, ROOM, 'Kick <bdi>ana')
    const answer = await post(console, { ...one, for: '60' })
    expect([answer.status, answer.headers.get('location')]).toEqual([
      303,
      '/devtools/realtime/room?topic=lobby&kind=private&kicked=2',
    ])
    expect(await textOf(console, `${ROOM}&kicked=2`)).toContain('2 members of this server sent away.')
    const all = await formOf(console, ROOM, 'everybody')
    await post(console, all)
    const reason = 'Removed by an operator'
    expect(kicks).toEqual([
      { topic: 'lobby', private: true, sub: 'ana', forMs: 60_000, reason },
      { topic: 'lobby', private: true, forMs: 0, reason },
    ])
  })

  it('keeps every character of a topic and of an account, whatever a form would make of them', async () => {
    const hostile = 'a\nb\r\nc\0\u202e"<\'&\ud800'
    const { port, kicks } = fake({ list: [{ sub: hostile, transport: 'sse', joinedAt: 0 }] })
    const console = consoleOf(port)
    const form = await formOf(console, `/room?${roomQuery({ topic: hostile, private: false })}`, 'name="sub"')
    await post(console, form)
    expect(kicks).toMatchObject([{ topic: hostile, private: false, sub: hostile }])
  })

  it.each([
    ['another site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['another host of the site', { 'sec-fetch-site': 'same-site' }, 403],
    ['an address that was typed', { 'sec-fetch-site': 'none' }, 403],
    ['another origin, from a browser that says no more', { 'sec-fetch-site': '', origin: 'https://evil.example' }, 403],
    ['an origin that is hidden', { 'sec-fetch-site': '', origin: 'null' }, 403],
    ['no browser at all', { 'sec-fetch-site': '' }, 403],
    ['a page of this site, as JSON', { 'content-type': 'application/json' }, 415],
    ['its own origin, from a browser that says no more', { 'sec-fetch-site': '', origin: 'http://127.0.0.1' }, 303],
  ])('from %s is answered as it should be', async (_from, headers: Record<string, string>, status) => {
    const { port, kicks } = fake()
    const console = consoleOf(port)
    const form = await formOf(console, ROOM, 'everybody')
    const given = new Headers({
      'sec-fetch-site': 'same-origin',
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    })
    if (headers['sec-fetch-site'] === '') given.delete('sec-fetch-site')
    const answer = await console(
      new Request('http://127.0.0.1/devtools/realtime/kick', {
        method: 'POST',
        headers: given,
        body: new URLSearchParams(form).toString(),
      }),
    )
    expect(answer.status).toBe(status)
    expect(kicks).toHaveLength(status === 303 ? 1 : 0)
  })

  it.each<readonly [string, Record<string, string | undefined>, number]>([
    ['without a token', { token: undefined }, 403],
    ['with a token of another console', { token: createFormTokens().make() }, 403],
    ['with half a token', { token: '9999999999999.' }, 403],
    ['with a user that can not be read', { sub: 'ana' }, 422],
    ['with a user that is empty', { sub: '""' }, 422],
    ['without a room', { topic: undefined }, 422],
    ['of no kind', { kind: 'all' }, 422],
    ['for a time of its own', { for: '999999' }, 422],
  ])('by a form %s kicks nobody', async (_how, changes, status) => {
    const { port, kicks } = fake()
    const console = consoleOf(port)
    const form = Object.entries({ ...(await formOf(console, ROOM, 'everybody')), ...changes })
    const sent = Object.fromEntries(form.filter((field): field is [string, string] => field[1] !== undefined))
    expect((await post(console, sent)).status).toBe(status)
    expect(kicks).toEqual([])
  })

  it('needs a form that is no older than an hour', () => {
    let now = 1_700_000_000_000
    const { make, isValid } = createFormTokens(() => now)
    const token = make()
    now += 3_599_000
    expect(isValid(token)).toBe(true)
    now += 2000
    expect(isValid(token)).toBe(false)
    expect(isValid(null)).toBe(false)
  })

  it('is allowed by the policy of the pages with forms alone', async () => {
    const console = consoleOf(fake().port)
    const policyOf = async (path: string): Promise<string> =>
      (await console(new Request(`http://127.0.0.1/devtools/${path}`))).headers.get('content-security-policy') ?? ''
    for (const path of ['realtime', 'realtime/room?topic=a&kind=public']) {
      expect(await policyOf(path)).toContain("form-action 'self'")
    }
    for (const path of ['errors', 'realtime/follow?topic=a&kind=public']) {
      expect(await policyOf(path)).toContain("form-action 'none'")
    }
  })

  it('is the only thing that can be posted', async () => {
    const console = consoleOf(fake().port)
    for (const path of ['', '/errors', '/realtime', '/realtime/room']) {
      const answer = await console(new Request(`http://127.0.0.1/devtools${path}`, { method: 'POST' }))
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    }
  })
})

describe('following', () => {
  const FOLLOW = '/follow?topic=lobby&kind=private'

  it('shows what was sent since it began, and loads itself again until it is paused', async () => {
    const { port, say } = fake()
    const console = consoleOf(port)
    expect(await textOf(console, FOLLOW)).toContain('Nothing was sent to this room since it is followed.')
    say({ event: 'e-one', bytes: 12 })
    say({ event: 'e-two', bytes: 3000, dropped: 7 })
    const page = await textOf(console, FOLLOW)
    expect(page).toContain('9 messages since')
    expect(page).toContain('7 left out before')
    expect(page.indexOf('e-two')).toBeLessThan(page.indexOf('e-one'))
    expect(page).toContain('<meta http-equiv="refresh" content="3" />')
    expect(await textOf(console, `${FOLLOW}&paused=1`)).not.toContain('http-equiv')
  })

  it('shows payloads when it is asked to, and redacted', async () => {
    const { port, say } = fake()
    const console = consoleOf(port)
    await get(console, FOLLOW)
    say({ text: '{"note":"calm","password":"night-drive"}' })
    // Half of an address at the end would not be known for one.
    say({ text: `{"list":"${'x '.repeat(2000)}write to ana@msc.exam`, isCut: true, bytes: 9000 })
    say({ event: 'raw', bytes: 3 })
    for (const path of [FOLLOW, `${FOLLOW}&format=json`]) expect(await textOf(console, path)).not.toContain('calm')
    for (const path of [`${FOLLOW}&payloads=1`, `${FOLLOW}&payloads=1&format=json`]) {
      const page = await textOf(console, path)
      expect(page).toContain('calm')
      expect(page).not.toContain('night-drive')
      expect(page).not.toContain('ana@')
    }
  })

  it('ends half a minute after the last look, and keeps a hundred messages', async () => {
    const clock = createManualClock()
    const { port, say, followed } = fake()
    const { look } = createFollows(clock)
    const room = { topic: 'lobby', private: true }
    look(port, room)
    for (let n = 0; n < 250; n++) say({ event: `e${n}` })
    await clock.advance(25_000)
    const { messages, count } = look(port, room)
    expect([count, messages.length, messages[0]?.event]).toEqual([250, 100, 'e249'])
    await clock.advance(25_000)
    expect(followed()).toBe(1)
    await clock.advance(15_000)
    expect([followed(), clock.pending]).toEqual([0, 0])
    expect(look(port, room).count).toBe(0)
  })

  it('is of twenty rooms at most: the one that was looked at longest ago ends', () => {
    const { port, followed } = fake()
    const { look } = createFollows(createManualClock())
    for (let n = 0; n < 30; n++) look(port, { topic: `t${n}`, private: false })
    expect(followed()).toBe(20)
  })

  it('begins anew with another server, and says when it can not', async () => {
    const [first, second] = [fake(), fake()]
    let port: RealtimePort = first.port
    const console = consoleOf(() => port)
    await get(console, FOLLOW)
    port = second.port
    await get(console, FOLLOW)
    expect([first.followed(), second.followed()]).toEqual([0, 1])
    port = {
      ...second.port,
      inspect: () => ({
        ...second.port.inspect(),
        follow() {
          throw new Error('Too many rooms are <followed>.')
        },
      }),
    }
    const answer = await get(console, FOLLOW)
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain('Too many rooms are &lt;followed&gt;.')
  })
})

describe('whatever users put there', () => {
  const HOSTILE = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    `\u202egnp.exe`,
    'a\0b\u0007\u001b[31m',
    '\u2066\u2067\u200b\ufeff',
    '\ud800',
    'x'.repeat(255),
    'ü'.repeat(127),
    '__proto__',
    '..',
    '%2e%2e',
    '${1}',
    '</title><h1>',
  ]

  it.each(HOSTILE)('%j is shown harmlessly', async (text) => {
    const list = [{ sub: text, session: text, transport: text, joinedAt: Number.NaN, presenceKey: text }]
    const rooms = { rooms: [{ ...LOBBY, topic: text }], next: text }
    const { port, say } = fake({ list, rooms })
    const console = consoleOf(port)
    const query = roomQuery({ topic: text, private: true })
    await get(console, `/follow?${query}`)
    say({ event: text, text: JSON.stringify({ [text]: text }) })
    say({ event: text, text, isCut: true })
    for (const path of [
      '',
      `?${new URLSearchParams({ search: text, after: text }).toString()}`,
      `/room?${query}`,
      `/follow?${query}&payloads=1`,
    ]) {
      const answer = await get(console, path)
      expect(answer.status, path).toBe(200)
      const page = await answer.text()
      // What is in an attribute is in quotes, which nothing ends.
      const tags = page.replaceAll(/="[^"]*"/g, '=""')
      expect(tags, path).not.toMatch(/<(?:script|img)|<[^>]*\son\w+=/i)
      // The browser sees no half of a character, nothing that turns the direction, and nothing that it can't show.
      const seen = page.replaceAll(/value="[^"]*"|\n/g, '')
      expect(seen, path).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\ufffd]/u)
      expect(page.match(/<h1>/g)).toHaveLength(1)
      JSON.parse(await textOf(console, `${path}${path.includes('?') ? '&' : '?'}format=json`))
    }
  })

  it('has what can’t be seen written out', () => {
    expect(visible('a\u202eb\0\ud800\u{1f600}é')).toBe('a\\u{202e}b\\u{0}\\u{d800}\u{1f600}é')
  })
})

it('answers 500, and no part of the error, when the server fails', async () => {
  vi.spyOn(globalThis.console, 'error').mockImplementation(() => undefined)
  const { port } = fake()
  const failing = {
    ...port,
    inspect: () => {
      throw new Error('secret detail')
    },
  }
  const answer = await get(consoleOf(failing), '')
  expect(answer.status).toBe(500)
  expect(await answer.text()).not.toContain('secret')
})
