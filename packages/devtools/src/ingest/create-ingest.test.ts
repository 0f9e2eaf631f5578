import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { createMemoryJournal, setErrorReporter, type Journal } from '@msc/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createIngest, type IngestOptions } from './create-ingest.ts'

const body = JSON.stringify({ records: [{ kind: 'event', name: 'clicked', userId: 'claimed', payload: {} }] })

function setup(options: Partial<IngestOptions> = {}) {
  const journal = createMemoryJournal()
  const ingest = createIngest({ journal, basePath: '/api/msc', ...options })
  const post = (init: RequestInit & { path?: string } = {}): Promise<Response> =>
    ingest(new Request(`http://127.0.0.1${init.path ?? '/api/msc/browser'}`, { method: 'POST', body, ...init }))
  return { journal, post, ingest }
}

let reported: string[]
let restore: () => void
beforeEach(() => {
  reported = []
  restore = setErrorReporter(({ message }, { operation }) => reported.push(`${operation}: ${message}`))
})
afterEach(() => restore())

it.each([Number.NaN, null, -1, '1mb'])('rejects the limit %j', (maxBytes) => {
  expect(() => setup({ maxBytes: maxBytes as number })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
})

it.each(['', '  ', 5, {}, Promise.resolve('secret')])(
  'rejects the personSecret %j, which anybody could guess',
  (secret) => {
    expect(() => setup({ personSecret: secret as string })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('`personSecret`') }),
    )
  },
)

it('makes a secret of its own where none is set', () => {
  expect(() => setup({ personSecret: undefined })).not.toThrow()
})

describe('the ingest when something around it fails', () => {
  it.each([
    ['rejects', () => Promise.reject(new Error('session store away'))],
    [
      'throws',
      () => {
        throw new Error('session store away')
      },
    ],
  ])('keeps records without a user when userOf %s', async (_, userOf) => {
    const { journal, post } = setup({ userOf })
    expect((await post()).status).toBe(204)
    expect(journal.query()).toMatchObject([{ name: 'clicked', userId: 'anonymous:claimed' }])
    expect(reported).toEqual(['userOf: session store away'])
  })

  it('answers 503 when the journal accepts nothing, and accepts the same body again', async () => {
    const broken: Journal = {
      ...createMemoryJournal(),
      append: () => {
        throw new Error('no journal')
      },
    }
    for (const journal of [
      broken,
      () => {
        throw new Error('no journal')
      },
    ]) {
      const answer = await setup({ journal }).post()
      expect(answer.status).toBe(503)
      expect(answer.headers.get('retry-after')).toBe('10')
    }
    expect(reported).toEqual(['ingest: no journal', 'ingest: no journal'])
  })

  it('answers 500 to a body that the application has read, which sending again would not change', async () => {
    const { journal, ingest } = setup()
    const used = new Request('http://127.0.0.1/api/msc/browser', { method: 'POST', body })
    await used.text()
    const answer = await ingest(used)
    expect(answer.status).toBe(500)
    expect(await answer.json()).toMatchObject({ code: 'INTERNAL' })
    expect(reported).toEqual([expect.stringMatching(/^ingest: .*already been read/)])
    expect(journal.query()).toEqual([])
  })

  it('answers 200 when some of a body was kept, and keeps the rest when it is sent again', async () => {
    const journal = createMemoryJournal()
    let calls = 0
    const flaky: Journal = {
      ...journal,
      append: (entry) => {
        calls += 1
        if (calls === 2) throw new Error('once')
        return journal.append(entry)
      },
    }
    const records = [1, 2].map((n) => ({
      kind: 'event',
      name: `e${n}`,
      payload: { eventId: String(n).padStart(32, 'a') },
    }))
    const { post } = setup({ journal: flaky })
    expect((await post({ body: JSON.stringify({ records }) })).status).toBe(204)
    await post({ body: JSON.stringify({ records }) })
    expect(journal.query().map(({ name }) => name)).toEqual(['e2', 'e1'])
  })

  it('answers 400 to a body that breaks off', async () => {
    const { post, journal } = setup()
    const breaking = new ReadableStream({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode(body.slice(0, 10)))
        controller.error(new Error('socket hang up'))
      },
    })
    expect((await post({ body: breaking, duplex: 'half' } as RequestInit)).status).toBe(400)
    expect(journal.query()).toEqual([])
  })
})

describe('the path of the ingest', () => {
  it.each(['/api/xyz/browser', '/api/mscbrowser', '/api/msc', '/api/msc/', '/browser', '/api/msc/browser/x'])(
    'is not %s',
    async (path) => {
      expect((await setup().post({ path })).status).toBe(404)
    },
  )

  it('may be the root', async () => {
    expect((await setup({ basePath: '/' }).post({ path: '/browser' })).status).toBe(204)
  })
})

describe('a page of another origin', () => {
  it('can send a preflight request and read every response, without credentials', async () => {
    const { post, ingest } = setup({ maxBytes: 1000 })
    const asked = await ingest(new Request('http://127.0.0.1/api/msc/api/1/envelope/', { method: 'OPTIONS' }))
    expect(asked.status).toBe(204)
    expect(asked.headers.get('access-control-allow-methods')).toContain('POST')
    expect(asked.headers.get('access-control-allow-headers')).toContain('x-sentry-auth')
    const answers = [
      asked,
      await post(),
      await post({ body: 'x' }),
      await post({ body: 'x'.repeat(2000) }),
      await post({ path: '/api/msc/nothing' }),
      await post({ path: '/api/msc/flags/' }),
      await post({ method: 'PUT' }),
      await post({ headers: { 'content-encoding': 'compress' } }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 400, 413, 404, 200, 405, 415])
    for (const { headers } of answers) {
      expect(headers.get('access-control-allow-origin')).toBe('*')
      expect(headers.has('access-control-allow-credentials')).toBe(false)
    }
  })

  const shop = 'https://shop.example'
  const from: readonly [string, Record<string, string>, boolean][] = [
    ['our own page', { origin: 'http://127.0.0.1', 'sec-fetch-site': 'same-origin' }, true],
    ['our own page, of an old browser', { origin: 'http://127.0.0.1', host: '127.0.0.1' }, true],
    ['no browser', {}, true],
    ['a page of an allowed origin', { origin: shop, 'sec-fetch-site': 'cross-site' }, true],
    ['another page', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, false],
    ['another page, of an old browser', { origin: 'https://evil.example' }, false],
    ['a page of our own site', { origin: 'https://evil.msc.example', 'sec-fetch-site': 'same-site' }, false],
    ['a page without an origin', { origin: 'null', 'sec-fetch-site': 'cross-site' }, false],
    ['a page that hides its origin', { 'sec-fetch-site': 'cross-site' }, false],
    ['a page whose origin only begins like it', { origin: `${shop}.evil.example` }, false],
  ]

  it.each(from)('is told the same by a preflight request and by a post: %s', async (_, headers, allowed) => {
    const { post, journal, ingest } = setup({ origins: [shop] })
    const asked = await ingest(new Request('http://127.0.0.1/api/msc/browser', { method: 'OPTIONS', headers }))
    const posted = await post({ headers })
    const expected = headers['origin'] === shop ? shop : null
    for (const answer of [asked, posted]) {
      expect(answer.status).toBe(allowed ? 204 : 403)
      expect(answer.headers.get('access-control-allow-origin')).toBe(expected)
      expect(answer.headers.get('vary')).toContain('origin')
      expect(answer.headers.has('access-control-allow-methods')).toBe(allowed && answer === asked)
    }
    expect(journal.query()).toHaveLength(allowed ? 1 : 0)
    if (!allowed) expect(await posted.json()).toMatchObject({ status: 403, code: 'CROSS_SITE' })
  })

  it.each([[['https://shop.example/']], [['shop.example']], [['*']], [[5]], 'none', null])(
    'can not be allowed by what is no origin: %j',
    (origins) => {
      expect(() => setup({ origins: origins as never })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    },
  )

  it('does not act as the signed-in user, although the browser sends their cookie', async () => {
    const { post, journal } = setup({ userOf: async () => 'me' })
    await post({ headers: { 'sec-fetch-site': 'cross-site' } })
    await post({ headers: { origin: 'https://evil.example' } })
    await post({ headers: { 'sec-fetch-site': 'same-origin' } })
    expect(journal.query().map(({ userId }) => userId)).toEqual(['me', 'anonymous:claimed', 'anonymous:claimed'])
  })
})

describe('a compressed body', () => {
  const encodings: [string, string | undefined, (text: string) => Uint8Array][] = [
    ['gzip', 'gzip', gzipSync],
    ['gzip without a content encoding', undefined, gzipSync],
    ['deflate', 'deflate', deflateSync],
    ['bare deflate', 'deflate', deflateRawSync],
    ['br', 'br', brotliCompressSync],
    ...((typeof zstdCompressSync === 'function' ? [['zstd', 'zstd', zstdCompressSync]] : []) as [
      string,
      string,
      (text: string) => Uint8Array,
    ][]),
  ]
  const headers = (encoding: string | undefined): Record<string, string> =>
    encoding === undefined ? {} : { 'content-encoding': encoding }

  it.each(encodings)('is read: %s', async (_, encoding, compress) => {
    const { post, journal } = setup()
    const compressed = new Uint8Array(compress(body))
    expect((await post({ body: compressed, headers: headers(encoding) })).status).toBe(204)
    expect(journal.query()).toMatchObject([{ name: 'clicked', source: 'browser', userId: 'anonymous:claimed' }])
  })

  it.each(encodings)('is refused when it grows too large: %s', async (_, encoding, compress) => {
    const bomb = new Uint8Array(compress('a'.repeat(5_000_000)))
    expect((await setup().post({ body: bomb, headers: headers(encoding) })).status).toBe(413)
  })

  it.each(encodings)('is refused when it is cut off: %s', async (_, encoding, compress) => {
    const cut = new Uint8Array(compress(body).subarray(0, 20))
    expect((await setup().post({ body: cut, headers: headers(encoding) })).status).toBe(400)
  })

  it('is read as it is when a proxy has already decompressed it', async () => {
    expect((await setup().post({ headers: { 'content-encoding': 'gzip' } })).status).toBe(204)
  })
})

describe('a browser’s record', () => {
  it('has the source of all that is received, whichever protocol it came by and whatever it claims', async () => {
    const { post, journal } = setup()
    const envelope = (type: string, payload: object): string =>
      `${JSON.stringify({ type })}\n${JSON.stringify(payload)}`
    const claims = { source: 'own', payload: { source: 'own' } }
    await post({ body: JSON.stringify({ records: [{ kind: 'event', name: 'e', ...claims }] }) })
    await post({
      path: '/api/msc/batch/',
      body: JSON.stringify({ batch: [{ event: 'e', ...claims }, { event: '$snapshot' }] }),
    })
    const items = [
      envelope('event', { message: 'm', ...claims }),
      envelope('check_in', { monitor_slug: 'm', ...claims }),
      envelope('client_report', { discarded_events: [{ reason: 'r', category: 'c', quantity: 1 }] }),
      envelope('replay_event', claims),
    ]
    await post({ path: '/api/msc/api/1/envelope/', body: ['{}', ...items].join('\n') })
    const kinds = journal.query().map(({ kind }) => kind)
    expect(kinds.toSorted()).toEqual(['check-in', 'drop', 'drop', 'drops', 'event', 'event', 'message'])
    expect(journal.query({ source: 'browser' })).toHaveLength(kinds.length)
  })

  it('may set its trace, but neither the group of an error nor the duration of a server’s operation', async () => {
    const { post, journal } = setup()
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const payload = { durationMs: 1e9, attributes: { outcome: 'failed' }, receivedFrom: 'the server' }
    const error = { errors: [{ name: 'Error', message: 'x' }], ...payload }
    const records = [
      { kind: 'error', name: 'Error: x', traceId, fingerprint: 'f1', payload: error },
      { kind: 'event', name: 'e', traceId: 'somebody', ts: 1e300, payload },
    ]
    await post({ body: JSON.stringify({ records }) })
    const [event, first] = journal.query()
    expect(first).toMatchObject({ traceId, payload: { receivedFrom: 'browser' } })
    expect(first?.fingerprint).toMatch(/^browser:[\da-f]{16}$/)
    expect(event?.traceId).toBeUndefined()
    expect(Math.abs((event?.ts ?? 0) - Date.now())).toBeLessThan(60_000)
    for (const each of [event, first]) {
      expect(each?.payload).not.toHaveProperty('durationMs')
      expect(each?.payload).not.toHaveProperty('attributes')
    }
  })

  it('has its error in the same group as the same error from elsewhere', async () => {
    const { post, journal } = setup()
    const report = (n: number, line: number) => ({
      kind: 'error',
      name: `Error: release ${n} not found`,
      payload: {
        errors: [
          {
            name: 'Error',
            message: `release ${n} not found`,
            stack: `Error: release ${n} not found\n    at loadRelease (https://app.msc.example/a-${line}f3c9d1b2.js:${line}:1)`,
          },
        ],
      },
    })
    await post({ body: JSON.stringify({ records: [report(1, 10), report(22, 77)] }) })
    const groups = journal.query().map(({ fingerprint }) => fingerprint)
    expect(groups[0]).toBe(groups[1])
  })
})
