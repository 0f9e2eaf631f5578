import { AsyncResource } from 'node:async_hooks'
import { describe, expect, it, vi } from 'vitest'
import { currentContext, withUnit } from '../context/context.ts'
import { DriverError } from '../errors/errors.ts'
import type { FailureContext } from '../errors/failure-slot.ts'
import { reportFailure, setErrorReporter } from '../errors/failures.ts'
import { httpFailure } from '../http/http-failure.ts'
import { onTelemetry } from '../telemetry/telemetry-hub.ts'
import { createManualClock, type ManualClock } from '../testing/index.ts'
import { newTrace } from '../context/trace.ts'
import { createOutbox } from './outbox.ts'
import type { OutboxOptions, OutboxStore } from './outbox-types.ts'
import { DELIVERED, type Drop, type Receipt, type SendContext } from './sink/receipt.ts'

interface Item {
  readonly id: string
  readonly kind: string
  readonly bytes: number
}

type Reply =
  | Receipt
  | Error
  | 'silence'
  | ((batch: readonly Item[], context: SendContext) => Promise<Receipt> | Receipt)

const item = (id: number | string, kind = 'track', bytes = 10): Item => ({ id: String(id), kind, bytes })
const away = (more = {}) => new DriverError('sink', 'The server answered 503.', { retryable: true, ...more })
const refused = (more = {}) => new DriverError('sink', 'The server answered 400.', { refuses: 'content', ...more })

/** Makes an outbox over a sink with the given replies; the last one is repeated. */
function setUp(replies: Reply[] = [{}], more: Partial<OutboxOptions<Item>> = {}) {
  const clock = createManualClock()
  const sent: string[][] = []
  const contexts: SendContext[] = []
  const times: number[] = []
  const drops: Drop[] = []
  const errors: [Error, FailureContext][] = []
  let underWay = 0
  const outbox = createOutbox<Item>({
    concern: 'analytics',
    driver: 'sink',
    label: (one) => one,
    send: async (batch, context) => {
      expect(++underWay).toBe(1)
      sent.push(batch.map(({ id }) => id))
      contexts.push(context)
      times.push(clock.monotonic())
      const reply = replies.length > 1 ? (replies.shift() as Reply) : (replies[0] as Reply)
      const over = (): void => void (underWay -= 1)
      if (reply === 'silence') {
        context.signal.addEventListener('abort', over)
        return new Promise(() => {})
      }
      try {
        if (reply instanceof Error) throw reply
        return await (typeof reply === 'function' ? reply(batch, context) : reply)
      } finally {
        over()
      }
    },
    limits: { maxItems: 4, maxBytes: 1000, maxItemBytes: 500 },
    maxQueue: 100,
    flushIntervalMs: 20,
    timeoutMs: 1000,
    clock,
    random: () => 0.5,
    onDrop: (drop) => drops.push(drop),
    onError: (error, context) => errors.push([error, context]),
    ...more,
  })
  const law = () => {
    const { accepted, delivered, dropped, queued, inFlight } = outbox.stats()
    expect(accepted).toBe(delivered + dropped + queued + inFlight)
    return outbox.stats()
  }
  return { outbox, clock, sent, contexts, times, drops, errors, law }
}

/** Advances the clock until `promise` has settled. */
async function until(clock: ManualClock, promise: Promise<void>): Promise<number> {
  const from = clock.monotonic()
  const state = { over: false }
  void promise.then(() => (state.over = true))
  for (;;) {
    await clock.advance(0)
    if (state.over) break
    if (clock.nextAt === undefined) throw new Error('No timer is pending.')
    await clock.advance(clock.nextAt - clock.now())
  }
  return clock.monotonic() - from
}

describe('delivery in the background', () => {
  it('collects items for a moment, then sends batches one after the other', async () => {
    const { outbox, clock, sent, law } = setUp()
    for (let id = 0; id < 3; id++) expect(outbox.push(item(id))).toBe(true)
    await clock.advance(19)
    expect(sent).toEqual([])
    expect(law()).toEqual({ accepted: 3, delivered: 0, dropped: 0, queued: 3, inFlight: 0 })
    await clock.advance(1)
    expect(sent).toEqual([['0', '1', '2']])
    for (let id = 3; id < 9; id++) outbox.push(item(id))
    await clock.advance(0)
    expect(sent.slice(1)).toEqual([
      ['3', '4', '5', '6'],
      ['7', '8'],
    ])
    expect(law()).toEqual({ accepted: 9, delivered: 9, dropped: 0, queued: 0, inFlight: 0 })
    expect(clock.pending).toBe(0)
  })

  it('counts items in flight', async () => {
    const { outbox, clock, law } = setUp(['silence'])
    outbox.push(item(1))
    await clock.advance(20)
    expect(law()).toMatchObject({ queued: 0, inFlight: 1 })
  })

  it('keeps the items that were accepted first when there is no room, in items and in bytes', async () => {
    const { outbox, drops, law } = setUp([{}], { maxQueue: 3, maxQueueBytes: 600 })
    expect([1, 2, 3, 4].map((id) => outbox.push(item(id, 'track', 250)))).toEqual([true, true, false, false])
    expect(outbox.push(item(5, 'log', 501))).toBe(false)
    expect(outbox.push(item(6))).toBe(true)
    expect(outbox.push(item(7))).toBe(false)
    expect(drops).toEqual([
      { reason: 'queue full', kind: 'track', count: 1 },
      { reason: 'queue full', kind: 'track', count: 1 },
      { reason: 'too large', kind: 'log', count: 1 },
      { reason: 'queue full', kind: 'track', count: 1 },
    ])
    expect(law()).toMatchObject({ accepted: 7, dropped: 4, queued: 3 })
  })

  it('counts items whose label cannot be read, and items that were lost before the queue', () => {
    const { outbox, drops, law } = setUp([{}], {
      label: () => {
        throw new Error('no')
      },
    })
    expect(outbox.push(item(1))).toBe(false)
    outbox.drop('error', 3, 'filtered', 'sampling')
    outbox.drop('error', 0, 'filtered')
    expect(drops).toEqual([
      { reason: 'unreadable', kind: 'unknown', count: 1 },
      { reason: 'filtered', kind: 'error', count: 3, detail: 'sampling' },
    ])
    expect(law()).toMatchObject({ accepted: 4, dropped: 4 })
  })

  it('continues in order and without a loss after an outage', async () => {
    const { outbox, clock, sent, law } = setUp([away(), away(), {}])
    for (let id = 0; id < 8; id++) outbox.push(item(id))
    await clock.advance(60_000)
    expect(law()).toMatchObject({ delivered: 8, dropped: 0 })
    expect(sent.slice(2).flat()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7'])
    expect(sent.map((batch) => batch.length)).toEqual([4, 2, 1, 2, 4, 1])
  })

  it('holds queued items through an outage of any length, and retries at most every few seconds', async () => {
    const { outbox, clock, sent, drops, law } = setUp([away()])
    for (let id = 0; id < 6; id++) outbox.push(item(id))
    await clock.advance(3_600_000)
    expect(law()).toMatchObject({ queued: 6, delivered: 0 })
    expect(drops).toEqual([])
    expect(sent.length).toBeGreaterThan(100)
    expect(sent.length).toBeLessThan(300)
    expect(outbox.breaker.state).not.toBe('closed')
  })

  it('obeys Retry-After, and does not treat a rate limit as an outage', async () => {
    const limited = away({ code: 'DRIVER_RATE_LIMITED', retryAfterMs: 40_000 })
    const { outbox, clock, times, law } = setUp([limited, limited, limited, limited, limited, limited, {}])
    outbox.push(item(1))
    await clock.advance(239_999)
    expect(times).toHaveLength(6)
    expect(outbox.breaker.state).toBe('closed')
    await clock.advance(60)
    expect(times).toHaveLength(7)
    expect(law()).toMatchObject({ delivered: 1 })
  })

  it('delivers other kinds while one is limited', async () => {
    const { outbox, clock, sent, law } = setUp([
      { rejected: [{ id: 'b', retryable: true }], limits: [{ kinds: ['log'], forMs: 30_000 }] },
      {},
    ])
    outbox.push(item('a', 'error'))
    outbox.push(item('b', 'log'))
    await clock.advance(20)
    outbox.push(item('c', 'log'))
    outbox.push(item('d', 'error'))
    await clock.advance(25_000)
    expect(sent).toEqual([['a', 'b'], ['d']])
    expect(law()).toMatchObject({ delivered: 2, queued: 2 })
    await clock.advance(10_000)
    expect(sent[2]).toEqual(['b', 'c'])
  })
})

describe('one bad item', () => {
  it.each([
    ['that is refused', refused(), 'refused'],
    ['that is too large', refused({ code: 'DRIVER_TOO_LARGE' }), 'too large'],
  ])('%s among 10 000 is the only one lost', async (_, error, reason) => {
    const { outbox, clock, sent, drops, law } = setUp(
      [(batch) => (batch.some(({ id }) => id === '7777') ? Promise.reject(error) : {})],
      { limits: { maxItems: 500, maxBytes: 1e6, maxItemBytes: 1000 }, maxQueue: 10_000 },
    )
    for (let id = 0; id < 10_000; id++) outbox.push(item(id))
    await clock.advance(10_000)
    expect(drops).toEqual([{ reason, kind: 'track', count: 1, detail: expect.stringContaining('400') }])
    expect(law()).toMatchObject({ accepted: 10_000, delivered: 9999, dropped: 1 })
    expect(sent.length).toBeLessThan(20 + 2 * 10)
  })

  it('whose request is always reset costs no other item, and is dropped in the end', async () => {
    const { outbox, clock, drops, law } = setUp([
      (batch) => (batch.some(({ id }) => id === '2') ? Promise.reject(new Error('ECONNRESET')) : {}),
    ])
    for (let id = 0; id < 20; id++) outbox.push(item(id))
    await clock.advance(120_000)
    expect(law()).toMatchObject({ delivered: 19, queued: 1 })
    // Until others are delivered it is not known whether the item or the backend is at fault.
    expect(drops).toEqual([])
    for (let id = 20; id < 40; id++) {
      outbox.push(item(id))
      await clock.advance(120_000)
    }
    expect(drops).toEqual([{ reason: 'retries exhausted', kind: 'track', count: 1, detail: 'ECONNRESET' }])
    expect(law()).toMatchObject({ delivered: 39, queued: 0, dropped: 1 })
  })

  it('does not flood a backend that refuses everything', async () => {
    const { outbox, clock, sent } = setUp([refused()], { limits: { maxItems: 64, maxBytes: 1e6, maxItemBytes: 1000 } })
    for (let id = 0; id < 100; id++) outbox.push(item(id))
    await clock.advance(5000)
    expect(sent.length).toBeLessThan(16)
  })
})

describe('a backend that refuses every call', () => {
  it('is reported once, with what to do, and does not open the breaker', async () => {
    const error = new DriverError('sink', 'The server answered 401.', {
      code: 'DRIVER_UNAUTHORIZED',
      hint: 'Check KEY.',
    })
    const { outbox, clock, errors, drops, law } = setUp([error])
    for (let id = 0; id < 40; id++) outbox.push(item(id))
    await clock.advance(300_000)
    expect(errors).toEqual([[error, { concern: 'analytics', driver: 'sink', operation: 'send' }]])
    expect(drops[0]).toEqual({
      reason: 'unauthorized',
      kind: 'track',
      count: 4,
      detail: '[sink] The server answered 401.',
    })
    expect(law()).toMatchObject({ dropped: 40, queued: 0 })
    expect(outbox.breaker.state).toBe('closed')
  })
})

describe('flush and close', () => {
  const failing: [string, Reply[]][] = [
    ['answers 503', [away(), away(), away(), {}]],
    ['is silent', ['silence', 'silence', {}]],
    ['resets', [new Error('ECONNRESET'), new Error('ECONNRESET'), {}]],
    ['asks to wait', [away({ retryAfterMs: 1200 }), {}]],
    ['asks to wait too long', [away({ retryAfterMs: 100_000 }), {}]],
    ['limits the rate', [away({ code: 'DRIVER_RATE_LIMITED', retryAfterMs: 900 }), {}]],
  ]
  it.each(failing)('lose nothing when the backend %s and heals within the budget', async (_, replies) => {
    const { outbox, clock, law } = setUp([...replies], { timeoutMs: 5000 })
    for (let id = 0; id < 50; id++) outbox.push(item(id))
    await until(clock, outbox.close(5000))
    expect(law()).toMatchObject({ delivered: 50, dropped: 0 })
    expect(clock.pending).toBe(0)
  })

  const limits: (readonly [string, 'all' | readonly string[]])[] = [
    ['everything', 'all'],
    ['the kind', ['track']],
  ]
  it.each(limits)('keep retrying a backend that limits %s for 0 ms', async (_, kinds) => {
    const limited = { rejected: [{ id: '1', retryable: true }], limits: [{ kinds, forMs: 0 }] }
    const replies: Reply[] = [limited]
    const { outbox, clock, sent, law } = setUp(replies, { random: () => 0.999 })
    outbox.push(item(1))
    await clock.advance(60_000)
    // The outbox's own backoff has grown to many seconds.
    expect(sent.length).toBeLessThan(12)
    replies[0] = {}
    await until(clock, outbox.close(2000))
    expect(law()).toMatchObject({ delivered: 1, dropped: 0 })
  })

  it.each(limits)('try %s early when a limit outlasts a close', async (_, kinds) => {
    const limited = { rejected: [{ id: '1', retryable: true }], limits: [{ kinds, forMs: 60_000 }] }
    // The limit is sent before the close and again during it.
    const { outbox, clock, sent, law } = setUp([limited, limited, {}])
    outbox.push(item(1))
    await clock.advance(1000)
    await until(clock, outbox.flush(2000))
    expect(sent).toHaveLength(1)
    await until(clock, outbox.close(2000))
    expect(law()).toMatchObject({ delivered: 1, dropped: 0 })
    expect(sent).toHaveLength(3)
  })

  it('probe a backend whose breaker is open', async () => {
    const replies: Reply[] = [away()]
    const { outbox, clock, law } = setUp(replies)
    outbox.push(item(1))
    await clock.advance(60_000)
    expect(outbox.breaker.state).not.toBe('closed')
    replies[0] = {}
    expect(await until(clock, outbox.flush(1000))).toBe(0)
    expect(law()).toMatchObject({ delivered: 1 })
    expect(outbox.breaker.state).toBe('closed')
  })

  it('end within their budget when there is no answer, and account for everything', async () => {
    const { outbox, clock, sent, drops, law } = setUp(['silence'], { timeoutMs: 5000 })
    for (let id = 0; id < 10; id++) outbox.push(item(id))
    await clock.advance(20)
    expect(await until(clock, outbox.flush(1000))).toBeLessThanOrEqual(1000)
    expect(law()).toMatchObject({ accepted: 10, delivered: 0, dropped: 0 })
    expect(await until(clock, outbox.close(5000))).toBeLessThanOrEqual(5000)
    expect(law()).toEqual({ accepted: 10, delivered: 0, dropped: 10, queued: 0, inFlight: 0 })
    expect(drops).toEqual([{ reason: 'closed', kind: 'track', count: 10 }])
    const requests = sent.length
    await clock.advance(600_000)
    expect(sent).toHaveLength(requests)
    expect(clock.pending).toBe(0)
  })

  it('give a request three quarters of their time, and half of the rest after a failure', async () => {
    const { outbox, clock, times } = setUp(['silence'], { timeoutMs: 5000, random: () => 0 })
    outbox.push(item(1))
    await until(clock, outbox.close(4000))
    expect(times.slice(0, 3)).toEqual([0, 3020, 3530])
  })

  it.each(['flush', 'close'] as const)('use the answer of a slow backend: %s', async (end) => {
    let answer = (): void => {}
    const slow = new Promise<object>((resolve) => (answer = () => resolve({})))
    let requests = 0
    const { outbox, clock, law } = setUp([{}], {
      timeoutMs: 5000,
      send: async (_batch, { signal }) => {
        requests += 1
        signal.throwIfAborted()
        return slow
      },
    })
    outbox.push(item(1))
    const ended = outbox[end](5000)
    clock.setTimeout(answer, 3500)
    await until(clock, ended)
    expect(law()).toMatchObject({ delivered: 1, dropped: 0 })
    expect(requests).toBe(1)
  })

  it('do not wait out the backoff of a flush that has more time', async () => {
    const { outbox, clock, law } = setUp([away(), away(), away(), away(), away(), away(), {}], { random: () => 0.999 })
    outbox.push(item(1))
    void outbox.flush(600_000)
    await clock.advance(30_000)
    expect(clock.nextAt).toBeGreaterThan(clock.now() + 1000)
    await until(clock, outbox.close(1000))
    expect(law()).toMatchObject({ delivered: 1 })
  })

  it('do not wait for a background delivery that gets no answer', async () => {
    const { outbox, clock, law } = setUp(['silence', {}], { timeoutMs: 60_000 })
    outbox.push(item(1))
    await clock.advance(20)
    await until(clock, outbox.close(4000))
    expect(law()).toMatchObject({ delivered: 1 })
  })

  it('retry an item that is sent back, however often, until the time is over', async () => {
    let tries = 0
    const { outbox, clock, law } = setUp([() => (++tries < 10 ? { rejected: [{ id: '1', retryable: true }] } : {})])
    for (let id = 0; id < 3; id++) outbox.push(item(id))
    await until(clock, outbox.close(5000))
    expect(law()).toMatchObject({ delivered: 3 })
  })

  it('share one delivery', async () => {
    const { outbox, clock, sent, law } = setUp([
      () => new Promise((resolve) => clock.setTimeout(() => resolve({}), 50)),
    ])
    outbox.push(item(1))
    const flushes = Promise.all([outbox.flush(1000), outbox.flush(1000), outbox.close(1000)]).then(() => undefined)
    await until(clock, flushes)
    expect(sent).toEqual([['1']])
    expect(law()).toMatchObject({ delivered: 1 })
  })

  it('end a flush when a close ends', async () => {
    const { outbox, clock, law } = setUp(['silence'], { timeoutMs: 60_000 })
    outbox.push(item(1))
    const flush = outbox.flush(60_000)
    expect(await until(clock, outbox.close(500))).toBeLessThanOrEqual(500)
    expect(await until(clock, flush)).toBe(0)
    expect(law()).toMatchObject({ dropped: 1 })
  })

  it('drop items that are pushed after close, whose first call sets the budget', async () => {
    const { outbox, clock, drops, law } = setUp(['silence'])
    outbox.push(item(1))
    const closing = outbox.close(300)
    expect(outbox.push(item(2, 'log'))).toBe(false)
    expect(outbox.close(90_000)).toBe(closing)
    expect(await until(clock, closing)).toBeLessThanOrEqual(300)
    expect(outbox.push(item(3))).toBe(false)
    expect(drops.map(({ reason, kind }) => `${kind} ${reason}`)).toEqual(['log closed', 'track closed', 'track closed'])
    expect(law()).toEqual({ accepted: 3, delivered: 0, dropped: 3, queued: 0, inFlight: 0 })
  })

  it('ignore an answer that comes after the end', async () => {
    let answer: (receipt: Receipt) => void = () => {}
    const { outbox, clock, law, contexts } = setUp([() => new Promise((resolve) => (answer = resolve))])
    outbox.push(item(1))
    await until(clock, outbox.close(300))
    expect(contexts.every(({ signal }) => signal.aborted)).toBe(true)
    const before = law()
    answer({})
    await clock.advance(1000)
    expect(law()).toEqual(before)
  })

  it('leave queued what a flush has no time for', async () => {
    const { outbox, clock, sent, law } = setUp([away({ retryAfterMs: 30_000 }), {}])
    outbox.push(item(1))
    expect(await until(clock, outbox.flush(2000))).toBe(0)
    expect(law()).toMatchObject({ queued: 1 })
    await clock.advance(29_000)
    expect(sent).toHaveLength(1)
    await clock.advance(2000)
    expect(law()).toMatchObject({ delivered: 1 })
  })

  it('end at once without a budget or without anything to do', async () => {
    const { outbox, clock, law } = setUp([{}])
    await outbox.flush(1000)
    outbox.push(item(1))
    await outbox.flush(0)
    await clock.advance(0)
    expect(law()).toMatchObject({ delivered: 1 })
    outbox.push(item(2))
    await outbox.close(0)
    expect(law()).toMatchObject({ delivered: 1, dropped: 1 })
    await outbox.flush(1000)
  })
})

describe('callbacks', () => {
  it('may fail in any way and may use the outbox', async () => {
    const calls: Drop[] = []
    const { outbox, clock, errors, law } = setUp([refused()], {
      onDrop: (drop) => {
        calls.push(drop)
        const { accepted, delivered, dropped, queued, inFlight } = outbox.stats()
        expect(accepted).toBe(delivered + dropped + queued + inFlight)
        if (calls.length === 1) {
          outbox.push(item('from onDrop'))
          void outbox.flush(100)
          throw new Error('onDrop threw')
        }
        void outbox.close(10)
        return Promise.reject(new Error('onDrop rejected'))
      },
    })
    outbox.push(item(1))
    await clock.advance(5000)
    expect(law()).toMatchObject({ accepted: 2, dropped: 2 })
    expect(errors.map(([error, { operation }]) => [error.message, operation])).toEqual([
      ['onDrop threw', 'onDrop'],
      ['onDrop rejected', 'onDrop'],
    ])
  })

  it('are not called for losses that they cause themselves', async () => {
    const { outbox, errors, drops, law } = setUp(['silence'], {
      maxQueue: 1,
      onDrop: (drop) => {
        drops.push(drop)
        outbox.push(item(`instead of ${drops.length}`))
      },
    })
    outbox.push(item(1))
    outbox.push(item(2))
    expect(drops).toHaveLength(1)
    expect(law()).toMatchObject({ accepted: 3, dropped: 2 })
    outbox.push(item(3))
    expect(drops).toHaveLength(2)
    expect(errors).toEqual([])
    await outbox.close(0)
  })

  it('are not called for losses that they cause later either', async () => {
    let turns = 0
    const { outbox, drops, law } = setUp(['silence'], {
      maxQueue: 1,
      onDrop: async (drop) => {
        drops.push(drop)
        await Promise.resolve()
        // The bound keeps a failing test from running microtasks forever.
        if (++turns < 1000) outbox.push(item(`instead of ${drops.length}`))
      },
    })
    outbox.push(item(1))
    outbox.push(item(2))
    await new Promise((resolve) => setImmediate(resolve))
    expect(drops).toHaveLength(1)
    expect(law()).toMatchObject({ accepted: 3, dropped: 2 })
    outbox.push(item(3))
    expect(drops).toHaveLength(2)
    await outbox.close(0)
  })

  it('that fail to return the room of a leaving page are reported, and the batch is sent anyway', async () => {
    const { outbox, clock, errors, sent, law } = setUp([DELIVERED], {
      leavingMaxBytes: () => {
        throw new Error('no room')
      },
    })
    outbox.push(item(1))
    void outbox.flush(100, 'leaving')
    await clock.advance(0)
    expect(sent).toEqual([['1']])
    expect(errors.map(([error, { operation }]) => [error.message, operation])).toEqual([['no room', 'leavingMaxBytes']])
    expect(law()).toMatchObject({ delivered: 1 })
  })

  it('run outside the units of work that recorded the batch', async () => {
    const seen: unknown[] = []
    const { outbox, clock } = setUp([refused()], {
      onDrop: () => seen.push(currentContext()),
      send: async () => {
        seen.push(currentContext())
        throw refused()
      },
    })
    await withUnit({ trace: newTrace(), userId: 'ana' }, async () => {
      outbox.push(item(1))
      await until(clock, outbox.flush(100))
    })
    expect(seen).toEqual([undefined, undefined])
  })

  it('have equivalents in telemetry for drops and the breaker', async () => {
    const heard: string[] = []
    const stop = onTelemetry(({ name, attributes }) => heard.push(`${name} ${JSON.stringify(attributes)}`))
    const { outbox, clock } = setUp([away()])
    outbox.push(item(1))
    await clock.advance(20_000)
    await until(clock, outbox.close(10))
    stop()
    expect(heard).toContain('driver.breaker {"concern":"analytics","driver":"sink","state":"open"}')
    expect(heard).toContain('driver.drop {"concern":"analytics","driver":"sink","reason":"closed","count":1}')
  })
})

describe('the process', () => {
  it('is kept alive for the time of one delivery after a push into an idle outbox', async () => {
    const clock = createManualClock()
    const holds = new Set<number>()
    const counted: ManualClock = Object.create(clock, {
      setTimeout: {
        value: ((fn, ms, options) => {
          const at = clock.monotonic() + ms
          const cancel = clock.setTimeout(() => (holds.delete(at), fn()), ms)
          if (options?.keepAlive) holds.add(at)
          return () => (holds.delete(at), cancel())
        }) satisfies ManualClock['setTimeout'],
      },
    }) as ManualClock
    const replies: Reply[] = [away()]
    const { outbox } = setUp(replies, { clock: counted, timeoutMs: 1000 })
    outbox.push(item(1))
    await clock.advance(500)
    outbox.push(item(2))
    expect([...holds]).toEqual([1000])
    await clock.advance(501)
    expect([...holds]).toEqual([])
    outbox.push(item(3))
    expect([...holds]).toEqual([2001])
    replies[0] = {}
    await clock.advance(900)
    expect(outbox.stats()).toMatchObject({ delivered: 3 })
    expect([...holds]).toEqual([])
  })

  it('is kept alive by reports of other failures, but not by reports of failed deliveries', async () => {
    const clock = createManualClock()
    let holds = 0
    const counted: ManualClock = Object.create(clock, {
      setTimeout: {
        value: ((fn, ms, options) => {
          if (options?.keepAlive) holds += 1
          return clock.setTimeout(fn, ms)
        }) satisfies ManualClock['setTimeout'],
      },
    }) as ManualClock
    const { outbox } = setUp([{}], { clock: counted, timeoutMs: 1000 })
    const restore = setErrorReporter(() => void outbox.push(item(1)))
    try {
      reportFailure(new Error('of a job'), { concern: 'jobs', operation: 'claim' })
      expect(holds).toBe(1)
      await clock.advance(1000)
      holds = 0
      const broken = setUp([away()], {
        clock,
        timeoutMs: 1000,
        onError: (error, context) => reportFailure(error, context),
      })
      broken.outbox.push(item(2))
      await clock.advance(600)
      expect(outbox.stats()).toMatchObject({ accepted: 2 })
      expect(holds).toBe(0)
      await clock.advance(1000)
      expect(outbox.stats()).toMatchObject({ delivered: 2 })
    } finally {
      restore()
    }
  })

  it('can end between deliveries while several backends do not answer', async () => {
    const clock = createManualClock()
    const silent = [0, 1, 2].map(() => setUp(['silence'], { clock, timeoutMs: 1000 }))
    for (const { outbox } of silent) {
      outbox.push(item(1))
      await clock.advance(400)
    }
    // The periods in milliseconds in which no delivery keeps the process alive.
    const gaps: number[] = []
    let firstAt = Infinity
    let idleFor = 0
    for (let ms = 0; ms < 60_000; ms += 10) {
      await clock.advance(10)
      const flying = silent.some(({ outbox }) => outbox.stats().inFlight > 0)
      if (flying && idleFor > 0) gaps.push(idleFor)
      idleFor = flying ? 0 : idleFor + 10
      if (!flying) firstAt = Math.min(firstAt, clock.monotonic())
    }
    // The first gap comes as soon as the first deliveries of all are over; the last of them began after 800 ms.
    expect(firstAt).toBeLessThan(2000)
    expect(gaps.length).toBeGreaterThan(5)
    expect(Math.min(...gaps.slice(0, 3))).toBeGreaterThanOrEqual(20)
    for (const { sent } of silent) expect(sent.length).toBeGreaterThan(3)
  })

  it('does not delay retries to a backend that answers while others do not', async () => {
    const clock = createManualClock()
    const silent = [0, 1, 2, 3].map(() => setUp(['silence'], { clock, timeoutMs: 5000 }))
    for (const { outbox } of silent) outbox.push(item(1))
    const flaky = setUp([away(), {}], { clock, timeoutMs: 5000 })
    flaky.outbox.push(item(1))
    await clock.advance(1000)
    expect(flaky.outbox.stats()).toMatchObject({ delivered: 1 })
  })

  it('is kept alive no longer than a delivery may take, so no item waits for others that long', async () => {
    const { outbox, clock, sent } = setUp([{}], { flushIntervalMs: 60_000, timeoutMs: 1000 })
    outbox.push(item(1))
    await clock.advance(500)
    expect(sent).toHaveLength(1)
  })
})

describe('last words', () => {
  it('write all queued and in-flight items, and ignore later answers', async () => {
    let answer: (receipt: Receipt) => void = () => {}
    const written: string[][] = []
    const { outbox, clock, law } = setUp([() => new Promise((resolve) => (answer = resolve))], {
      sendSync: (batch) => written.push(batch.map(({ id }) => id)),
    })
    for (let id = 0; id < 6; id++) outbox.push(item(id))
    await clock.advance(0)
    outbox.lastWords()
    expect(written).toEqual([
      ['0', '1', '2', '3'],
      ['4', '5'],
    ])
    const after = law()
    expect(after).toEqual({ accepted: 6, delivered: 6, dropped: 0, queued: 0, inFlight: 0 })
    answer({ rejected: [{ id: '1', retryable: true }] })
    await clock.advance(5000)
    expect(law()).toEqual(after)
    outbox.lastWords()
    expect(written).toHaveLength(2)
    expect(clock.pending).toBe(0)
  })

  it('keep items that could not be written, and never throw', async () => {
    const { outbox, clock, errors, law } = setUp([{}], {
      sendSync: (batch) => {
        if (batch.some(({ id }) => id === '0')) throw new Error('EIO')
      },
    })
    for (let id = 0; id < 3; id++) outbox.push(item(id))
    outbox.push(item(3, 'track', 400))
    outbox.push(item(4, 'track', 400))
    outbox.push(item(5, 'track', 400))
    outbox.lastWords()
    expect(errors.map(([error, { operation }]) => [error.message, operation])).toEqual([['EIO', 'last words']])
    expect(law().accepted).toBe(6)
    await clock.advance(100)
    expect(law()).toMatchObject({ delivered: 6 })
  })

  it('end when a failure callback closes the outbox', async () => {
    const { outbox, clock, law } = setUp([{}], {
      sendSync: () => {
        throw new Error('EIO')
      },
      onError: () => outbox.close(0),
    })
    for (let id = 0; id < 10; id++) outbox.push(item(id))
    outbox.lastWords()
    law()
    await clock.advance(1000)
    expect(law()).toMatchObject({ accepted: 10, queued: 0, inFlight: 0 })
  })

  it('deliver once even if a failure callback uses the outbox', async () => {
    const written: string[] = []
    const rests: Reply = { rejected: [{ id: 'rests', retryable: true }] }
    const { outbox, clock, law } = setUp([rests, 'silence'], {
      limits: { maxItems: 2, maxBytes: 15, maxItemBytes: 500 },
      sendSync: (batch) => {
        if (batch.some(({ id }) => id === 'a')) throw new Error('disk full')
        written.push(...batch.map(({ id }) => id))
      },
      onError: () => void outbox.flush(100),
    })
    outbox.push(item('rests'))
    await clock.advance(60)
    for (const id of ['a', 'b']) outbox.push(item(id))
    await clock.advance(60)
    outbox.lastWords()
    expect(written).toEqual(['rests', 'b'])
    law()
    const { delivered } = outbox.stats()
    expect(new Set(written).size).toBe(written.length)
    await clock.advance(60_000)
    expect(law().delivered).toBeGreaterThanOrEqual(delivered)
  })

  it('do nothing if the sink has no sendSync', async () => {
    const { outbox, clock, law } = setUp()
    outbox.push(item(1))
    outbox.lastWords()
    expect(law()).toMatchObject({ queued: 1 })
    await clock.advance(20)
  })
})

describe('a sink whose signal aborts', () => {
  /** Delivers item by item. After the abort it returns, a moment later, a receipt of those that were answered. */
  const slow =
    (answered: readonly string[], clock: () => ManualClock, afterMs = 0): Reply =>
    (batch, { signal }) =>
      new Promise((resolve) => {
        const rejected = batch.filter(({ id }) => !answered.includes(id)).map(({ id }) => ({ id, retryable: true }))
        signal.addEventListener('abort', () => clock().setTimeout(() => resolve({ rejected }), afterMs))
      })

  it.each(['flush', 'close'] as const)(
    'counts the items answered by then, and sends only the rest again: %s',
    async (end) => {
      const { outbox, clock, sent, law, drops, errors } = setUp([slow(['0', '1'], () => clock), {}], { timeoutMs: 500 })
      for (let id = 0; id < 6; id++) outbox.push(item(id))
      const ended = outbox[end](5000)
      await clock.advance(499)
      expect(law()).toMatchObject({ delivered: 2 + sent.slice(1).flat().length })
      await until(clock, ended)
      expect(sent[0]).toEqual(['0', '1', '2', '3'])
      expect(sent.slice(1).flat()).toEqual(['2', '3', '4', '5'])
      expect(law()).toEqual({ accepted: 6, delivered: 6, dropped: 0, queued: 0, inFlight: 0 })
      expect([drops, errors, outbox.breaker.state]).toEqual([[], [], 'closed'])
    },
  )

  it('counts the answered items when a close is too short for all', async () => {
    const { outbox, clock, law } = setUp([slow(['0', '1', '2'], () => clock)])
    for (let id = 0; id < 4; id++) outbox.push(item(id))
    await until(clock, outbox.close(1000))
    expect(law()).toEqual({ accepted: 4, delivered: 3, dropped: 1, queued: 0, inFlight: 0 })
  })

  it('has a moment to return a receipt, and no more', async () => {
    const { outbox, clock, sent, law, errors } = setUp([slow(['0'], () => clock, 60), {}])
    outbox.push(item(0))
    await clock.advance(20 + 1000)
    expect(law()).toMatchObject({ delivered: 0, queued: 1 })
    expect(errors.map(([error]) => error.name)).toEqual(['DeadlineError'])
    await clock.advance(1000)
    expect(sent).toEqual([['0'], ['0']])
    expect(law()).toMatchObject({ delivered: 1 })
  })

  it('has no longer than the budget of a concurrent close', async () => {
    const { outbox, clock, law } = setUp([slow(['0'], () => clock, 40)])
    outbox.push(item(0))
    await clock.advance(20 + 960)
    expect(await until(clock, outbox.close(20))).toBeLessThanOrEqual(20)
    expect(law()).toMatchObject({ delivered: 0, dropped: 1 })
  })
})

describe('a page that is left', () => {
  it('sends a background delivery again, at once and small enough', async () => {
    let room = 25
    const { outbox, clock, sent, contexts, law } = setUp(['silence', {}], { leavingMaxBytes: () => room })
    for (let id = 0; id < 4; id++) outbox.push(item(id))
    await clock.advance(20)
    expect(sent).toEqual([['0', '1', '2', '3']])
    void outbox.flush(1000, 'leaving')
    // Sent synchronously, because no code of the page may run after the event.
    expect(sent[1]).toEqual(['0', '1'])
    expect(contexts[0]?.signal.aborted).toBe(true)
    expect(contexts[1]?.urgency).toBe('leaving')
    room = 0
    await clock.advance(0)
    expect(sent[2]).toEqual(['2', '3'])
    expect(law()).toMatchObject({ delivered: 4 })
  })

  it('sends all that it has room for, even if the batch size is reduced after an outage', async () => {
    const replies: Reply[] = [away()]
    const { outbox, clock, sent } = setUp(replies, { leavingMaxBytes: () => 1000 })
    for (let id = 0; id < 4; id++) outbox.push(item(id))
    await clock.advance(10_000)
    expect(sent.at(-1)).toHaveLength(1)
    void outbox.flush(5000)
    await clock.advance(1)
    replies[0] = {}
    sent.length = 0
    void outbox.flush(1000, 'leaving')
    expect(sent.map((batch) => batch.toSorted())).toEqual([['0', '1', '2', '3']])
  })
})

describe('a store', () => {
  const storeOf = (left: (Item | undefined)[] = []) => {
    const kept: string[][] = []
    const store: OutboxStore<Item> = {
      take: async () => left,
      keep: (items) => kept.push(items.map(({ id }) => id)),
    }
    return { kept, store }
  }

  it('returns the items of an earlier life, first and once', async () => {
    const { store } = storeOf([item('a'), item('b'), item('a'), item('big', 'track', 900)])
    const { outbox, clock, sent, drops, law } = setUp([{}], { store })
    outbox.push(item('b'))
    await clock.advance(20)
    expect(sent).toEqual([['a', 'b']])
    expect(drops).toEqual([{ reason: 'too large', kind: 'track', count: 1 }])
    expect(law()).toMatchObject({ accepted: 3, delivered: 2, dropped: 1 })
  })

  it.each([
    ['open', false],
    ['closed meanwhile', true],
  ])('may contain unreadable items, which count as drops of an outbox that is %s', async (_what, isClosed) => {
    const { store, kept } = storeOf([undefined, item('a'), undefined])
    const { outbox, clock, drops, law } = setUp([{}], { store })
    if (isClosed) await outbox.close(0)
    await clock.advance(20)
    expect(drops).toMatchObject([{ reason: 'unreadable', kind: 'unknown', count: 2 }])
    expect(law()).toMatchObject(isClosed ? { accepted: 2, dropped: 2 } : { accepted: 3, delivered: 1, dropped: 2 })
    if (isClosed) expect(kept).toEqual([['a']])
  })

  it('keeps items after a failure, and removes them when they are delivered', async () => {
    const { store, kept } = storeOf()
    const { outbox, clock } = setUp([away(), {}], { store })
    for (let id = 0; id < 3; id++) outbox.push(item(id))
    await clock.advance(20)
    expect(kept).toEqual([['0', '1', '2']])
    await clock.advance(10_000)
    expect(kept).toEqual([['0', '1', '2'], ['1', '2'], []])
    outbox.push(item(9))
    await clock.advance(100)
    expect(kept).toHaveLength(3)
  })

  it('keeps queued and in-flight items when the page is left', async () => {
    const { store, kept } = storeOf()
    const { outbox, clock } = setUp(['silence'], { store, leavingMaxBytes: () => 1000 })
    outbox.push(item(1))
    await clock.advance(20)
    outbox.push(item(2))
    void outbox.flush(1000, 'leaving')
    expect(kept).toEqual([['1', '2']])
  })

  it('gets its items back if the outbox was closed meanwhile', async () => {
    const { store, kept } = storeOf([item('a')])
    const { outbox, clock, law } = setUp([{}], { store })
    await outbox.close(0)
    await clock.advance(0)
    expect(kept).toEqual([['a']])
    expect(law()).toMatchObject({ accepted: 0 })
  })

  it('may fail in any way', async () => {
    const store: OutboxStore<Item> = {
      take: () => Promise.reject(new Error('take')),
      keep: () => {
        throw new Error('keep')
      },
    }
    const { outbox, clock, errors, law } = setUp([away(), {}], { store })
    outbox.push(item(1))
    await clock.advance(5000)
    expect(law()).toMatchObject({ delivered: 1 })
    expect(errors.filter(([, { operation }]) => operation === 'store').map(([error]) => error.message)).toEqual([
      'take',
      'keep',
      'keep',
    ])
  })
})

it('works as its documentation shows', async () => {
  const url = 'https://msc.example/hook'
  const fetch = vi.fn(async () => new Response('{}'))
  vi.stubGlobal('fetch', fetch)
  const outbox = createOutbox<{ id: string; name: string }>({
    concern: 'analytics',
    driver: 'webhook',
    label: ({ id, name }) => ({ id, kind: 'track', bytes: name.length + 64 }),
    send: async (batch, { signal }) => {
      const answer = await globalThis.fetch(url, { method: 'POST', body: JSON.stringify(batch), signal })
      const failure = httpFailure(answer, { driver: 'webhook', credentials: 'Check TOKEN.', address: 'Check URL.' })
      if (failure) throw failure
      return DELIVERED
    },
    limits: { maxItems: 100, maxBytes: 1_000_000, maxItemBytes: 200_000 },
    maxQueue: 10_000,
    flushIntervalMs: 1000,
    timeoutMs: 5000,
  })
  outbox.push({ id: '1', name: 'release submitted' })
  await outbox.close(5000)
  vi.unstubAllGlobals()
  expect(fetch).toHaveBeenCalledWith(url, expect.objectContaining({ body: '[{"id":"1","name":"release submitted"}]' }))
  expect(outbox.stats()).toMatchObject({ delivered: 1 })
})

describe('callbacks that use the outbox', () => {
  it('start no second delivery from leavingMaxBytes', async () => {
    const { outbox, clock, law } = setUp(['silence'], {
      leavingMaxBytes: () => {
        throw new Error('of the sink')
      },
      onError: () => void outbox.push(item('told')),
    })
    for (let id = 0; id < 4; id++) outbox.push(item(id))
    void outbox.flush(3000, 'leaving')
    const closed = outbox.close(200, 'leaving')
    law()
    await clock.advance(200)
    await closed
    expect(law()).toMatchObject({ queued: 0, inFlight: 0 })
  })

  it('find the close already pending, from a listener of the signal that it aborts', async () => {
    const clock = createManualClock()
    const sent: string[] = []
    const outbox = createOutbox<string>({
      concern: 'analytics',
      driver: 'sink',
      label: (id) => ({ id, kind: 'track', bytes: 1 }),
      send: async ([id = ''], { signal }) => {
        sent.push(id)
        if (sent.length > 1) return DELIVERED
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            void outbox.flush(1000)
            reject(signal.reason as Error)
          })
        })
      },
      leavingMaxBytes: () => 1000,
      limits: { maxItems: 4, maxBytes: 1000, maxItemBytes: 500 },
      maxQueue: 100,
      flushIntervalMs: 20,
      timeoutMs: 5000,
      clock,
    })
    outbox.push('a')
    await clock.advance(20)
    const closed = outbox.close(1000, 'leaving')
    await clock.advance(1000)
    await closed
    expect([sent, outbox.stats().delivered]).toEqual([['a', 'a'], 1])
  })

  it('run outside the scope of a caller that flushes or closes', async () => {
    const manual = createManualClock()
    // The platform's timers run in the context in which they were set; this clock does the same.
    const clock: ManualClock = Object.create(manual, {
      setTimeout: { value: (fn: () => void, ms: number) => manual.setTimeout(AsyncResource.bind(fn), ms) },
    }) as ManualClock
    const scopes: unknown[] = []
    const note = (): void => void scopes.push(currentContext()?.userId)
    const { outbox } = setUp(['silence'], { clock, onError: note, onDrop: note })
    const inUnit = <T>(userId: string, run: () => T): T => withUnit({ trace: newTrace(), userId }, run)
    inUnit('bob', () => outbox.push(item(1)))
    await manual.advance(20)
    const flushed = inUnit('alice', () => outbox.flush(100))
    await manual.advance(100)
    await flushed
    const closed = inUnit('carol', () => outbox.close(100))
    await manual.advance(100)
    await closed
    expect(scopes.length).toBeGreaterThan(1)
    expect(scopes.filter((each) => each !== undefined)).toEqual([])
  })
})
