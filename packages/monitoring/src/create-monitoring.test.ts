import { createMemoryJournal, emit, newTrace, setJournal, withContext, withScope, withUnit } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { createMonitoring, type MonitoringOptions } from './create-monitoring.ts'
import { setDefaultMonitoring, withAPIMonitoring, withErrorTracking } from './default-monitoring.ts'
import type { ErrorSignal } from './signals.ts'
import type { SignalDrop } from './sinks.ts'
import { local } from './drivers/local.ts'
import { parseEnvelope } from './envelope.ts'
import { fingerprintOf, withoutVariables } from './event/fingerprint.ts'
import { onRequestError } from './next.ts'

declare module '@msc/core' {
  interface Operations {
    'cache.get': { key: string; outcome: 'hit' | 'miss' | 'stale' | 'error'; tier?: string }
    'jobs.send': { event: string; outcome: 'ok' | 'error' }
  }
}

function setUp(options: Partial<MonitoringOptions> = {}) {
  const clock = createManualClock()
  const sent: ErrorSignal[] = []
  const drops: SignalDrop[] = []
  let failure: Error | undefined
  const monitoring = createMonitoring({
    clock,
    onDrop: (drop) => drops.push(drop),
    onError: () => undefined,
    driver: {
      ...local({ journal: createMemoryJournal() }),
      async send(signals) {
        if (failure) throw failure
        sent.push(...(signals as ErrorSignal[]))
        return {}
      },
    },
    ...options,
  })
  return { clock, monitoring, sent, drops, fail: (error?: Error) => (failure = error) }
}

const inTrace = <T>(run: () => T, userId?: string): T =>
  withUnit({ trace: newTrace(), ...(userId !== undefined && { userId }) }, run)

it('refuses to be made without a driver, because all events would be lost silently', () => {
  expect(() => createMonitoring({ driver: [], telemetry: false })).toThrow(
    expect.objectContaining({ code: 'MONITORING_NO_DRIVER', message: expect.stringContaining('Pass `driver`') }),
  )
})

describe('capturing', () => {
  it('reports an error later if there was no room when it was first caught', async () => {
    const { monitoring, sent, clock } = setUp({ maxQueue: 1 })
    const error = new Error('refused')
    monitoring.captureException(new Error('fills the queue'))
    monitoring.captureException(error)
    await clock.advance(5000)
    monitoring.captureException(error)
    monitoring.captureException(error)
    await clock.advance(5000)
    expect(sent.map(({ message }) => message)).toEqual(['fills the queue', 'refused'])
  })

  it('reports the same error object once however often it is caught', async () => {
    const { monitoring, sent } = setUp()
    const error = new Error('once')
    const first = monitoring.captureException(error)
    expect(monitoring.captureException(error)).toBe(first)
    monitoring.captureException(new Error('once'))
    await monitoring.flush()
    expect(sent).toHaveLength(2)
  })

  it('delivers an event within 20 ms', async () => {
    const { monitoring, sent, clock } = setUp()
    monitoring.captureException(new Error('soon'))
    await clock.advance(19)
    expect(sent).toHaveLength(0)
    await clock.advance(1)
    expect(sent).toHaveLength(1)
  })

  it('keeps users and breadcrumbs of concurrent requests apart', async () => {
    const { monitoring, sent } = setUp()
    await Promise.all(
      ['ana', 'ben'].map((name) =>
        inTrace(async () => {
          monitoring.setUser({ id: name })
          monitoring.addBreadcrumb(`${name} clicked`)
          await Promise.resolve()
          monitoring.captureException(new Error(`failed for ${name}`))
        }),
      ),
    )
    await monitoring.flush()
    expect(sent.map(({ user, breadcrumbs }) => [user?.id, breadcrumbs.map(({ message }) => message)])).toEqual([
      ['ana', ['ana clicked']],
      ['ben', ['ben clicked']],
    ])
  })

  it('uses the user of the running context if none was set', async () => {
    const { monitoring, sent } = setUp()
    inTrace(() => monitoring.captureException(new Error('x')), 'user-7')
    await monitoring.flush()
    expect(sent[0]?.user).toEqual({ id: 'user-7' })
  })

  it('turns operations of the other concerns in this trace into breadcrumbs', async () => {
    const { monitoring, sent } = setUp()
    inTrace(() => {
      emit('cache.get', { key: 'releases', outcome: 'miss' })
      emit('jobs.send', { event: 'ai/process', outcome: 'error' })
      monitoring.captureException(new Error('x'))
    })
    inTrace(() => emit('cache.get', { key: 'somebody else', outcome: 'hit' }))
    await monitoring.flush()
    expect(sent[0]?.breadcrumbs.map(({ category, message, level }) => `${category} ${message} ${level}`)).toEqual([
      'cache.get releases → miss info',
      'jobs.send ai/process → error warning',
    ])
    await monitoring.close()
  })

  it('prefers the breadcrumbs that the caller passes, ordered by time', async () => {
    const { monitoring, sent } = setUp()
    monitoring.addBreadcrumb('opened', 'navigation', undefined, { timestamp: 10 })
    monitoring.addBreadcrumb('a', 'jobs.step', undefined, { timestamp: 20 })
    const given = [
      { timestamp: 5, category: 'jobs.step', message: 'before', level: 'info' },
      {
        timestamp: 20,
        category: 'jobs.step',
        message: 'a',
        level: 'info',
        data: { token: 'sk_live_1234567890abcdef' },
      },
    ] as const
    monitoring.captureException(new Error('x'), { breadcrumbs: given })
    await monitoring.flush()
    expect(sent[0]?.breadcrumbs.map(({ message }) => message)).toEqual(['before', 'opened', 'a'])
    expect(JSON.stringify(sent[0])).not.toContain('sk_live')
    await monitoring.close()
  })

  it('keeps the newest 100 breadcrumbs of a unit of work', async () => {
    const { monitoring, sent } = setUp()
    inTrace(() => {
      for (let i = 0; i < 150; i++) monitoring.addBreadcrumb(`b${i}`)
      monitoring.captureException(new Error('a'))
    })
    await monitoring.flush()
    expect(sent[0]?.breadcrumbs).toHaveLength(100)
    expect(sent[0]?.breadcrumbs[0]?.message).toBe('b50')
  })

  it.each(['in one trace', 'without any trace'])(
    'keeps users and breadcrumbs of a thousand concurrent units apart, %s',
    async (where) => {
      const { monitoring, sent } = setUp({ maxQueue: 2000 })
      const unit = (n: number): Promise<void> =>
        withScope(async () => {
          monitoring.setUser({ id: `user-${n}` })
          monitoring.addBreadcrumb(`step of ${n}`)
          await new Promise((resolve) => setImmediate(resolve))
          emit('driver.breaker', { concern: 'test', driver: String(n), state: 'open' })
          monitoring.setTag('n', n)
          monitoring.captureException(new Error(`failed in ${n}`))
        })
      const all = (): Promise<unknown> => Promise.all(Array.from({ length: 1000 }, (_, n) => unit(n)))
      await (where === 'in one trace' ? withContext({ trace: newTrace() }, all) : all())
      await monitoring.flush()
      expect(sent).toHaveLength(1000)
      for (const { message, user, tags, breadcrumbs } of sent) {
        const n = message.replace('failed in ', '')
        expect([user?.id, tags['n'], ...breadcrumbs.map((each) => each.message)]).toEqual([
          `user-${n}`,
          n,
          `step of ${n}`,
          'test',
        ])
      }
      await monitoring.close()
    },
  )

  it('reports no user after setUser(null), whatever the trace says', async () => {
    const { monitoring, sent } = setUp()
    inTrace(() => {
      monitoring.setUser(null)
      monitoring.captureException(new Error('x'))
    }, 'user-7')
    await monitoring.flush()
    expect(sent[0]?.user).toBeUndefined()
  })

  it('redacts the message, stack, tags, extra, user and breadcrumbs before any driver sees them', async () => {
    const { monitoring, sent } = setUp()
    monitoring.setUser({ id: 'u', email: 'ines@msc.example' })
    const data = { password: 'night-drive' }
    monitoring.addBreadcrumb('signed in with sk-abcdefghijklmnopqrst', 'auth', data)
    monitoring.captureException(new Error('postgres://user:hunter2@db failed'), {
      tags: { apiKey: 'k1' },
      extra: { headers: { authorization: 'Bearer abcdefghijkl' }, card: '4242 4242 4242 4242' },
    })
    await monitoring.flush()
    const text = JSON.stringify(sent)
    for (const secret of ['night-drive', 'sk-abc', 'hunter2', 'k1"', 'abcdefghijkl', '4242', 'ines@']) {
      expect(text).not.toContain(secret)
    }
  })

  it('keeps the error even if its context is null, hostile or malformed', async () => {
    const { monitoring, sent } = setUp()
    const refuse = (): never => {
      throw new Error('no')
    }
    const hostile = new Proxy({}, { get: refuse, ownKeys: refuse })
    const odd = {
      tags: 'none',
      extra: 7,
      user: 'ana',
      level: 'loud',
      fingerprint: {},
      timestamp: 'now',
      breadcrumbs: {},
    }
    for (const context of [null, hostile, odd, 'text']) {
      monitoring.captureException(new Error('kept'), context as never)
      monitoring.captureMessage('said', 'info', context as never)
      expect(() => monitoring.addBreadcrumb('clicked', 'ui', undefined, context as never)).not.toThrow()
    }
    expect(() => monitoring.setTag('bare', Object.create(null) as never)).not.toThrow()
    monitoring.setTag('bare', undefined)
    await monitoring.flush()
    expect(sent.map(({ message }) => message)).toEqual(Array.from({ length: 4 }, () => ['kept', 'said']).flat())
    expect(sent.every(({ level }) => level === 'error' || level === 'info')).toBe(true)
  })

  it('never throws, whatever the arguments are', async () => {
    const { monitoring } = setUp()
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('no')
        },
        ownKeys() {
          throw new Error('no')
        },
      },
    )
    const circular = new Error('a')
    circular.cause = circular
    for (const each of [undefined, null, 0, '', 'text', Symbol('s'), 1n, {}, [], () => 1, hostile, circular]) {
      expect(monitoring.captureException(each, { extra: { hostile } })).toMatch(/^[\da-f]{32}$/)
    }
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (error, extra) => {
        monitoring.captureException(error, { extra: { extra } })
      }),
      { numRuns: 200 },
    )
    await monitoring.close()
  })

  it('holds 500 events during an outage, counts what it drops, and delivers the rest afterwards', async () => {
    const { monitoring, sent, drops, fail, clock } = setUp()
    fail(Object.assign(new Error('away'), { retryable: true }))
    for (let i = 0; i < 510; i++) monitoring.captureException(new Error(`e${i}`))
    await clock.advance(5000)
    fail(undefined)
    await clock.advance(120_000)
    const lost = drops.reduce((sum, { count }) => sum + count, 0)
    expect(lost).toBe(10)
    expect(sent).toHaveLength(500)
    expect(monitoring.stats()).toMatchObject({ delivered: 500, dropped: 10, queued: 0 })
  })
})

describe('fingerprints', () => {
  it('stay the same for other numbers, ids and quoted texts, and for a new deployment', () => {
    const at = (line: number, hash: string) => `Error: x\n    at load (/srv/app/chunk-${hash}.js:${line}:9)`
    const one = fingerprintOf({ name: 'Error', message: 'Release 42 of "Ines" missing', stack: at(3, 'a1b2c3d4') })
    const two = fingerprintOf({ name: 'Error', message: 'Release 7 of "Ben" missing', stack: at(90, 'ffffffff') })
    expect(one).toBe(two)
    expect(one).toMatch(/^[\da-f]{16}$/)
  })

  it('differ by type, message and throwing function', () => {
    const base = { name: 'Error', message: 'a', stack: 'Error\n    at load (x.js:1:1)' }
    const all = [
      base,
      { ...base, name: 'TypeError' },
      { ...base, message: 'b' },
      { ...base, stack: 'Error\n    at save (x.js:1:1)' },
    ].map(fingerprintOf)
    expect(new Set(all).size).toBe(4)
  })

  it('replace the variable parts', () => {
    expect(withoutVariables('GET https://x.example/a?b=1 took 12 ms for 8c0f7c2e-1d5a-4b6e-9f00-0123456789ab')).toBe(
      'GET <url> took <n> ms for <id>',
    )
  })
})

describe('wrappers', () => {
  afterEach(() => setDefaultMonitoring(undefined))

  it('report an error of a sync or async function and throw it again', async () => {
    const { monitoring, sent } = setUp()
    setDefaultMonitoring(monitoring)
    const sync = withErrorTracking((n: number) => {
      if (n > 1) throw new Error('sync')
      return n
    }, 'counting')
    const route = withAPIMonitoring('/api/releases', 'POST', async (ok: boolean) => {
      if (!ok) throw new Error('async')
      return 'fine'
    })
    expect(sync(1)).toBe(1)
    expect(await route(true)).toBe('fine')
    expect(() => sync(2)).toThrow('sync')
    await expect(route(false)).rejects.toThrow('async')
    await monitoring.flush()
    expect(sent.map(({ message, tags }) => [message, tags])).toEqual([
      ['sync', { operation: 'counting' }],
      ['async', { route: '/api/releases', method: 'POST' }],
    ])
  })

  it('onRequestError reports in the trace of the request, and ignores control flow', async () => {
    const { monitoring, sent } = setUp()
    setDefaultMonitoring(monitoring)
    const traceId = '0af7651916cd43dd8448eb211c80319c'
    const request = {
      path: '/boom?token=abc',
      method: 'GET',
      headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    }
    const context = { routerKind: 'App Router', routePath: '/boom', routeType: 'render' }
    await onRequestError(Object.assign(new Error('redirect'), { digest: 'NEXT_REDIRECT;/' }), request, context)
    await onRequestError(Object.assign(new Error('boom'), { digest: '123' }), request, context)
    expect(sent).toHaveLength(1)
    expect(sent[0]).toMatchObject({ traceId, handled: false, tags: { route: '/boom', digest: '123' } })
    expect(JSON.stringify(sent)).not.toContain('token=abc')
  })
})

describe('the local driver', () => {
  it("writes to the process's journal", async () => {
    const journal = createMemoryJournal()
    setJournal(journal)
    const monitoring = createMonitoring({ driver: local() })
    monitoring.captureException(new TypeError('kept'))
    await monitoring.close()
    setJournal(undefined)
    expect(journal.query({ kinds: ['error'] })).toMatchObject([{ name: 'TypeError: kept' }])
  })
})

describe('parseEnvelope', () => {
  const encode = (text: string) => new TextEncoder().encode(text)

  it('reads items with and without a length, and payloads that contain newlines', () => {
    const { headers, items } = parseEnvelope(
      encode('{"event_id":"1"}\n{"type":"event"}\n{"a":1}\n{"type":"attachment","length":3}\na\nb\n'),
    )
    expect(headers).toEqual({ event_id: '1' })
    expect(items.map(({ type, payload }) => [type, new TextDecoder().decode(payload)])).toEqual([
      ['event', '{"a":1}'],
      ['attachment', 'a\nb'],
    ])
  })

  it.each([
    ['{"type":"attachment","length":99}\nx', 'a truncated item'],
    ['{"type":"attachment","length":-4}\nx', 'a truncated item'],
    ['{}\nx', 'an item without a type'],
    ['not json', expect.stringContaining('JSON')],
  ])('keeps the complete items before %j', (rest, problem) => {
    const { items, ...envelope } = parseEnvelope(encode(`{}\n{"type":"event"}\n{"a":1}\n${rest}`))
    expect(items.map(({ type }) => type)).toEqual(['event'])
    expect(envelope.problem).toEqual(problem)
  })

  it('refuses a body that is not an envelope, and never loops', () => {
    for (const text of ['', 'x', '[]\n']) expect(() => parseEnvelope(encode(text)), text).toThrow()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          parseEnvelope(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
    )
  })
})
