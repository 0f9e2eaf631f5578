import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { freePort } from '@msc/core/testing'
import { ENTRANCES, type Entrance } from '../support/entrances.ts'
import { signIn, startServer, type Server } from './server.ts'

export interface HostileReport {
  /** Bodies, each sent several times. */
  readonly scripts: number
  readonly worstMs: number
  readonly worst: string
  readonly restarts: number
  /** Of all answers: what is refused at the door measures nothing of what is behind it. */
  readonly accepted: number
  readonly broken: readonly { readonly seed: number; readonly violations: readonly string[] }[]
}

const SIZE = 256 * 1024
/** The median of so many, since what else a machine does only ever adds to the time. */
const ROUNDS = 5
const MOST_MS = 20

const fill = (part: string, size = SIZE - 2000): string => part.repeat(Math.floor(size / part.length))
/** Each is as long as JSON as it is as text, or is made so long that it fits. */
const TEXTS: Readonly<Record<string, string>> = {
  'one letter': fill('a'),
  'dots and letters': fill('a.'),
  'half addresses': fill('a.a@'),
  'secrets without end': fill('&keykey'),
  'names of secrets': fill('password='),
  'half a URL': fill('http://a.'),
  'a URL with a password': fill('https://u:p@h/'),
  comments: fill('/*'),
  'half a token': fill('eyJa.'),
  brackets: fill('[{('),
  digits: fill('4'),
  spaces: fill(' '),
  lines: fill('\n', SIZE / 2 - 1000),
  NUL: fill('\0', SIZE / 6 - 1000),
  'halves of surrogate pairs': fill('\ud800', SIZE / 6 - 1000),
  'signs that join': fill('\u200d', SIZE / 3 - 1000),
  'composed letters': fill('\ufdfa', SIZE / 3 - 1000),
}
const nest = (open: string, close: string): string => {
  const depth = Math.floor(SIZE / (open.length + close.length)) - 10
  return `${open.repeat(depth)}1${close.repeat(depth)}`
}
const BODIES: Readonly<Record<string, string>> = {
  'objects in objects': nest('{"a":', '}'),
  'lists in lists': nest('[', ']'),
  'many keys': `{${Array.from({ length: 20_000 }, (_, nth) => `"k${nth}":1`).join(',')}}`,
  'one key many times': `{${fill('"a":1,')}"a":1}`,
  'keys of prototypes': `{${fill('"__proto__":{},')}"a":1}`,
  'a long number': `{"a":${fill('9')}}`,
  'no end': `{"a":"${fill('a')}`,
}

const bracketed = (size: number): string => '['.repeat(size / 2) + ']'.repeat(size / 2)
const gzipped = (text: string | Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(text))
/** Small bodies that are large when they are decompressed. */
const BOMBS: Readonly<Record<string, () => Uint8Array<ArrayBuffer>>> = {
  'a small body of 18 MB': () => gzipped(bracketed(18_000_000)),
  'a small body that is compressed twice': () => gzipped(gzipped(bracketed(18_000_000))),
}

interface Attack {
  readonly name: string
  readonly path: string
  readonly type: string
  /** Without one it is a GET. */
  readonly body?: string | Uint8Array<ArrayBuffer>
  readonly cookie: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** As much as Node.js takes of a request line and its fields, or nearly. */
const HEADERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'many cookies': { cookie: fill('a=b; ', 14_000) },
  'many sessions': { cookie: fill('msc-session=x; ', 14_000) },
  'many proxies': { 'x-forwarded-for': fill('192.0.2.1, ', 14_000) },
  'many languages': { 'accept-language': fill('a-b;q=0.1,', 14_000) },
  'a long agent': { 'user-agent': fill('(((a ', 14_000) },
}
const QUERIES: Readonly<Record<string, string>> = {
  'one parameter many times': fill('a&', 14_000),
  'many parameters': Array.from({ length: 2500 }, (_, nth) => nth.toString(36)).join('&'),
  'a long parameter': `q=${fill('%F0%9F', 14_000)}`,
  'brackets in parameters': fill('a[]=', 14_000),
}

/**
 * Sends bodies of 256 KiB to every entrance that takes one, each field of each with each text, and measures for how long the
 * server's event loop was held. Answers of 5xx count as faults too.
 */
export async function runHostileChaos({ seed }: { seed: number }): Promise<HostileReport> {
  const dataDir = mkdtempSync(join(tmpdir(), 'msc-hostile-'))
  const port = await freePort()
  const start = (): Promise<Server> => startServer(port, dataDir, { MSC_TRUSTED_HOPS: '1' }, 'watch-loop.ts')
  let server = await start()
  let restarts = 0
  try {
    const cookies = { artist: await signIn(server.url, 'artist'), admin: await signIn(server.url, 'admin') }
    let accepted = 0
    // One page fails on purpose.
    const entrances = ENTRANCES.filter(({ route }) => route !== '/boom')
    const attacks = entrances.flatMap((entrance) => [...readsOf(entrance, cookies), ...attacksOn(entrance, cookies)])
    const violations: string[] = []
    let worst = { ms: 0, name: '' }
    let address = 0
    const send = (attack: Attack): ReturnType<typeof hit> => {
      address += 1
      return hit(server, attack, `203.${address >> 16}.${(address >> 8) & 255}.${address & 255}`)
    }
    /** Once more with a new server where an account has used up its minute: what is refused for that shows nothing. */
    const unlimited = async (attack: Attack): ReturnType<typeof hit> => {
      const answer = await send(attack)
      if (answer.status !== 429) return answer
      await server.kill()
      server = await start()
      restarts += 1
      // The first requests load modules, which must not be measured.
      for (let round = 0; round < 3; round++) await send({ ...attack, ...(attack.body && { body: '{}' }) })
      await send(attack)
      return send(attack)
    }
    for (const attack of attacks) {
      const times: number[] = []
      for (let round = 0; round < ROUNDS; round++) {
        const { ms, status } = await unlimited(attack)
        times.push(ms)
        if (status < 300) accepted += 1
        if (status >= 500 || status === 429) violations.push(`${attack.name}: ${status}`)
      }
      const ms = times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] as number
      if (ms > MOST_MS) violations.push(`${attack.name}: held for ${ms.toFixed(1)} ms`)
      if (ms > worst.ms) worst = { ms, name: attack.name }
    }
    return {
      scripts: attacks.length,
      worstMs: Math.round(worst.ms * 10) / 10,
      worst: worst.name,
      restarts,
      accepted,
      broken: violations.length > 0 ? [{ seed, violations }] : [],
    }
  } finally {
    await server.kill()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

function readsOf(
  { route, identity, path, methods }: Entrance,
  cookies: Readonly<Record<'artist' | 'admin', string>>,
): Attack[] {
  if (!methods.includes('GET')) return []
  const cookie = identity === 'user' ? cookies.artist : identity === 'admin' ? cookies.admin : undefined
  const read = { type: '', cookie }
  return [
    ...Object.entries(QUERIES).map(([what, query]) => ({
      ...read,
      name: `${route}, ${what}`,
      path: `${path}?${query}`,
    })),
    ...Object.entries(HEADERS).map(([what, headers]) => ({ ...read, name: `${route}, ${what}`, path, headers })),
  ]
}

function attacksOn(
  { route, kind, methods, identity, path, body, texts = [] }: Entrance,
  cookies: Readonly<Record<'artist' | 'admin', string>>,
): Attack[] {
  if (kind !== 'json' || !methods.includes('POST') || identity === 'secret') return []
  const cookie = identity === 'anybody' ? undefined : identity === 'admin' ? cookies.admin : cookies.artist
  const attack = (what: string, text: string, type = 'application/json', at = path): Attack => ({
    name: `${route}, ${what}`,
    path: at,
    type,
    body: text,
    cookie,
  })
  const fields = Object.entries(TEXTS).flatMap(([what, value]) => [
    ...texts.map((field) => attack(`${field}: ${what}`, JSON.stringify({ ...body, [field]: value }))),
    ...(route.startsWith('/api/msc') ? ingested(what, value, attack) : []),
  ])
  const forms = Object.entries(TEXTS)
    .slice(0, 5)
    .map(([what, value]) => attack(`form: ${what}`, value, 'application/x-www-form-urlencoded'))
  const bombs = Object.entries(BOMBS).map(([what, made]) => ({
    ...attack(what, '', 'text/plain', route.startsWith('/api/msc') ? '/api/msc/e' : path),
    body: made(),
  }))
  return [...bombs, ...Object.entries(BODIES).map(([what, text]) => attack(what, text)), ...fields, ...forms]
}

/** Makes a request of each protocol of the ingest, with the text in the fields that a sender fills freely. */
function ingested(
  what: string,
  value: string,
  attack: (what: string, text: string, type?: string, at?: string) => Attack,
): Attack[] {
  const id = 'c0ffee00c0ffee00c0ffee00c0ffee00'
  const event = JSON.stringify({
    event_id: id,
    message: value.slice(0, value.length / 2),
    exception: { values: [{ type: 'Error', value: value.slice(value.length / 2) }] },
  })
  const pieces = Array.from({ length: 24 }, (_, nth) =>
    value.slice((nth * value.length) / 24, ((nth + 1) * value.length) / 24),
  )
  return [
    attack(
      `browser: ${what}`,
      JSON.stringify({
        records: pieces.map((message) => ({
          kind: 'error',
          name: message.slice(0, 100),
          payload: { errors: [{ name: 'Error', message, frames: [] }], tags: { message } },
        })),
      }),
    ),
    attack(
      `sentry: ${what}`,
      [JSON.stringify({ event_id: id }), JSON.stringify({ type: 'event' }), event].join('\n'),
      'text/plain',
      '/api/msc/api/1/envelope',
    ),
    attack(
      `posthog: ${what}`,
      JSON.stringify({
        api_key: 'x',
        batch: pieces.map((text) => ({ event: 'x', distinct_id: 'x', properties: { text } })),
      }),
      'application/json',
      '/api/msc/batch',
    ),
    attack(
      `posthog, a form: ${what}`,
      `data=${Buffer.from(value.slice(0, value.length / 2)).toString('base64')}${fill('&a', SIZE / 4)}`,
      'application/x-www-form-urlencoded',
      '/api/msc/e',
    ),
  ]
}

async function hit(
  server: Server,
  { path, type, body, cookie, headers }: Attack,
  from: string,
): Promise<{ readonly ms: number; readonly status: number }> {
  await server.heldMs()
  const response = await fetch(server.url + path, {
    redirect: 'manual',
    headers: {
      ...(type && { 'content-type': type }),
      'x-forwarded-for': from,
      ...(cookie && { cookie }),
      ...headers,
    },
    ...(body !== undefined && { method: 'POST', body }),
  })
  await response.arrayBuffer()
  return { ms: await server.heldMs(), status: response.status }
}
