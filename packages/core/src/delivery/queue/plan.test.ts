import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DeadlineError, DriverError } from '../../errors/errors.ts'
import type { Entry } from '../entry.ts'
import { firstPace, type Pace } from './pace.ts'
import { planFailure, planLateReceipt, planReceipt, type Outcome } from './plan.ts'
import { readFailure } from '../sink/read-failure.ts'
import { readReceipt } from '../sink/read-receipt.ts'

const entry = (id: number, more: Partial<Entry<number>> = {}): Entry<number> => ({
  item: id,
  id: String(id),
  kind: id % 2 ? 'log' : 'error',
  bytes: 10,
  order: id,
  strikes: 0,
  part: 0,
  ...more,
})
const batchOf = (count: number) => Array.from({ length: count }, (_, id) => entry(id))
const options = { maxItems: 100, maxAttempts: 3, random: () => 0.5 }
const pace = firstPace(100)
const ids = (entries: readonly { readonly id: string }[]) => entries.map(({ id }) => id)
const onReceipt = (batch: readonly Entry<number>[], receipt: unknown, from: Pace = pace) =>
  planReceipt(batch, readReceipt(receipt), from, options)
const onError = (batch: readonly Entry<number>[], error: unknown, from: Pace = pace) =>
  planFailure(batch, readFailure(error), from, options)
const onLateReceipt = (batch: readonly Entry<number>[], receipt: unknown, from: Pace = pace) =>
  planLateReceipt(batch, readReceipt(receipt), readFailure(new DeadlineError('send', 100)), from, options)
const refused = (more = {}) => new DriverError('x', '400', { code: 'DRIVER_REFUSED', refuses: 'content', ...more })
const away = (more = {}) => new DriverError('x', '503', { retryable: true, ...more })

const trap: ProxyHandler<object> = {
  get() {
    throw new Error('no')
  },
}

function places(outcome: Outcome<number>): string[] {
  const { delivered, lost, back, resting, last, aside } = outcome
  const others = [...lost, ...resting].map(({ entry: { id } }) => id)
  return [...ids(delivered), ...others, ...ids(back), ...ids(last), ...ids(aside)].sort()
}

describe('the plan for a late receipt', () => {
  const sentBack = (...those: number[]) => ({ rejected: those.map((id) => ({ id: String(id), retryable: true })) })

  it('delivers the answered items, and retries the others at once in smaller batches without a strike', () => {
    const outcome = onLateReceipt(batchOf(10), {
      rejected: [{ id: '1', retryable: false }, ...sentBack(6, 7, 8, 9).rejected],
    })
    expect(ids(outcome.delivered)).toEqual(['0', '2', '3', '4', '5'])
    expect(outcome.lost.map(({ entry: { id }, reason }) => [id, reason])).toEqual([['1', 'refused']])
    expect(outcome.back.map(({ id, strikes, failedAt }) => [id, strikes, failedAt])).toEqual([
      ['6', 0, 0],
      ['7', 0, 0],
      ['8', 0, 0],
      ['9', 0, 0],
    ])
    expect(outcome).toMatchObject({ verdict: 'answer', waitMs: 0, report: false, pace: { size: 2, failures: 0 } })
  })

  it('isolates the item that holds up the others, and then gives it strikes', () => {
    const { back, pace: next } = onLateReceipt(batchOf(3), sentBack(1))
    expect([ids(back), next.size]).toEqual([['1'], 1])
    expect(onError(back, away(), next).last).toMatchObject([{ id: '1', strikes: 1 }])
  })

  it('counts a receipt without any outcome, or a malformed one, as an outage', () => {
    for (const receipt of [sentBack(0, 1, 2), undefined, { rejected: 'none' }]) {
      const outcome = onLateReceipt(batchOf(3), receipt)
      expect([ids(outcome.back), ids(outcome.delivered)]).toEqual([['0', '1', '2'], []])
      expect(outcome).toMatchObject({ verdict: 'outage', report: true, pace: { failures: 1 } })
    }
  })

  it('puts limited items back, and accepts a complete receipt', () => {
    const outcome = onLateReceipt(batchOf(4), { ...sentBack(1, 3), limits: [{ kinds: ['log'], forMs: 1000 }] })
    expect([ids(outcome.delivered), ids(outcome.back)]).toEqual([
      ['0', '2'],
      ['1', '3'],
    ])
    expect(outcome).toMatchObject({ limits: [{ kinds: ['log'] }], pace: { size: 100 } })
    expect(ids(onLateReceipt(batchOf(4), {}).delivered)).toEqual(['0', '1', '2', '3'])
  })

  it('accounts for each item whatever the receipt says', () => {
    const said = fc.record({ id: fc.integer({ min: 0, max: 12 }).map(String), retryable: fc.boolean() })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.array(said), fc.boolean(), (count, rejected, isLimited) => {
        const limits = isLimited ? [{ kinds: ['log'], forMs: 1000 }] : []
        expect(places(onLateReceipt(batchOf(count), { rejected, limits }))).toEqual(ids(batchOf(count)).sort())
      }),
    )
  })
})

describe('the plan for a receipt', () => {
  it('delivers items that are not named, drops final rejections, and delays retryable ones', () => {
    const rejected = [
      { id: '1', retryable: false, detail: '400 invalid timestamp' },
      { id: '2', retryable: true },
      { id: '3', retryable: false, reason: 'too large' },
    ]
    const outcome = onReceipt(batchOf(4), { rejected })
    expect(ids(outcome.delivered)).toEqual(['0'])
    expect(outcome.lost.map(({ entry: { id }, reason, detail }) => [id, reason, detail])).toEqual([
      ['1', 'refused', '400 invalid timestamp'],
      ['3', 'too large', undefined],
    ])
    expect(outcome.resting).toMatchObject([{ entry: { id: '2', strikes: 1 }, forMs: 250 }])
    expect(outcome).toMatchObject({ verdict: 'answer', waitMs: 0 })
  })

  it('extends a repeated limit until an item of its kind is delivered', () => {
    const receipt = { rejected: [{ id: '0', retryable: true }], limits: [{ kinds: ['error'], forMs: 0 }] }
    let from = pace
    const waits: (number | undefined)[] = []
    for (let n = 0; n < 5; n++) {
      const limited = onReceipt(batchOf(1), receipt, from)
      waits.push(limited.patience[0]?.forMs)
      // The backend's limits stay the same: only the outbox's own extra limit grows.
      expect(limited.limits).toEqual([{ kinds: ['error'], forMs: 100 }])
      from = limited.pace
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000])
    // Deliveries of other kinds do not reset this kind's count.
    expect(onReceipt(batchOf(2), receipt, from).patience).toEqual([{ kinds: ['error'], forMs: 8000 }])
    const everything = { ...receipt, limits: [{ kinds: 'all', forMs: 60_000 }] }
    expect(onReceipt(batchOf(1), everything, from).limits).toEqual([{ kinds: 'all', forMs: 60_000 }])
    const again = onReceipt(batchOf(1), receipt, onReceipt(batchOf(1), {}, from).pace)
    expect(again.patience).toEqual([{ kinds: ['error'], forMs: 250 }])
  })

  it('drops an item after its last strike', () => {
    const tired = [entry(0, { strikes: 2 }), entry(1)]
    const outcome = onReceipt(tired, { rejected: [{ id: '0', retryable: true, detail: 'busy' }] })
    expect(outcome.lost).toMatchObject([{ reason: 'retries exhausted', detail: 'busy' }])
  })

  it('gives no strike to an item that was retried before its time', () => {
    const outcome = onReceipt([entry(0, { strikes: 2, hurried: true }), entry(1)], {
      rejected: [{ id: '0', retryable: true }],
    })
    expect(outcome.resting).toMatchObject([{ entry: { strikes: 2, hurried: false }, forMs: 500 }])
  })

  it('gives no strikes when a batch of several is sent back whole, and counts a failure', () => {
    const batch = batchOf(3)
    const outcome = onReceipt(batch, { rejected: batch.map(({ id }) => ({ id, retryable: true })) })
    expect(outcome.back).toEqual(batch)
    expect(outcome).toMatchObject({ waitMs: 250, pace: { failures: 1 }, verdict: 'answer' })
  })

  it('gives no strike to an item whose kind is limited', () => {
    const outcome = onReceipt(batchOf(2), {
      rejected: [{ id: '1', retryable: true }],
      limits: [{ kinds: ['log'], forMs: 1000 }],
    })
    expect(outcome.back).toEqual([entry(1)])
    expect(outcome.limits).toEqual([{ kinds: ['log'], forMs: 1000 }])
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a page', '<html>'],
    ['no list', { rejected: 'all' }],
    ['strange rejections', { rejected: [null, 7, {}, { id: 3 }] }],
    ['an unknown id', { rejected: [{ id: 'who?', retryable: false }] }],
    [
      'an id twice',
      {
        rejected: [
          { id: '1', retryable: true },
          { id: '1', retryable: false },
        ],
      },
    ],
    [
      'malformed limits',
      {
        limits: [
          { kinds: 7, forMs: 3 },
          { kinds: 'all', forMs: Number.NaN },
          { kinds: ['log'], forMs: -1 },
        ],
      },
    ],
    ['a trap', new Proxy({}, trap)],
  ])('accounts for each item once when the receipt is %s', (_, receipt) => {
    const outcome = onReceipt(batchOf(3), receipt)
    expect(places(outcome)).toEqual(['0', '1', '2'])
    expect(outcome.limits).toEqual([])
  })

  it('reports a malformed receipt once', () => {
    const first = onReceipt(batchOf(1), 'OK')
    expect(first.report).toBe(true)
    expect(onReceipt(batchOf(1), 'OK', first.pace).report).toBe(false)
  })
})

describe('the plan for a failure', () => {
  it('halves a batch whose content is refused, and loses only the culprit', () => {
    const outcome = onError(batchOf(5), refused())
    expect(outcome.back.map(({ id, part }) => [id, part])).toEqual([
      ['0', 1],
      ['1', 1],
      ['2', 1],
      ['3', 2],
      ['4', 2],
    ])
    expect(outcome.waitMs).toBe(0)
    expect(onError([entry(4)], refused()).lost).toMatchObject([{ reason: 'refused', detail: '[x] 400' }])
    expect(onError([entry(4)], refused({ code: 'DRIVER_TOO_LARGE' })).lost).toMatchObject([{ reason: 'too large' }])
  })

  it('waits longer and longer while everything is refused', () => {
    const waits: number[] = []
    let from = pace
    for (let turn = 0; turn < 14; turn++) {
      const outcome = onError([entry(turn)], refused(), from)
      waits.push(outcome.waitMs)
      from = outcome.pace
    }
    expect(waits).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 250, 500, 1000, 2000, 4000])
    expect(onReceipt([entry(99)], {}, from).pace.refusals).toBe(0)
  })

  it('drops a batch when the backend refuses every call, and reports it once until something is delivered', () => {
    const error = new DriverError('x', '401', { code: 'DRIVER_UNAUTHORIZED', hint: 'Check KEY.' })
    const first = onError(batchOf(2), error)
    expect(first.lost.map(({ reason }) => reason)).toEqual(['unauthorized', 'unauthorized'])
    expect(first).toMatchObject({ report: true, verdict: 'answer' })
    const second = onError(batchOf(2), error, first.pace)
    expect(second).toMatchObject({ report: false, waitMs: 500 })
    const after = onReceipt(batchOf(1), {}, second.pace)
    expect(onError(batchOf(2), error, after.pace).report).toBe(true)
  })

  it('puts everything back in an outage, waits longer each time, and halves the batch size', () => {
    const outcome = onError(batchOf(7), away())
    expect(ids(outcome.back)).toHaveLength(7)
    expect(outcome.back.every(({ strikes }) => strikes === 0)).toBe(true)
    expect(outcome).toMatchObject({ verdict: 'outage', waitMs: 250, pace: { size: 3, failures: 1 } })
    expect(onError(batchOf(3), away(), outcome.pace)).toMatchObject({ waitMs: 500, pace: { size: 1 } })
    expect(onReceipt(batchOf(1), {}, { ...pace, size: 60 }).pace.size).toBe(100)
  })

  it('gives an item a strike only when it fails alone and others were accepted since', () => {
    const first = onError([entry(0)], away(), { ...pace, delivered: 4 })
    expect(first.aside).toMatchObject([{ id: '0', strikes: 0, failedAt: 4 }])
    const again = onError(first.aside, away(), { ...pace, delivered: 4 })
    expect(again.aside).toMatchObject([{ strikes: 0 }])
    const later = onError(again.aside, away(), { ...pace, delivered: 5 })
    expect(later.last).toMatchObject([{ strikes: 1, failedAt: 5 }])
    const end = onError([entry(0, { strikes: 2, failedAt: 5 })], away(), { ...pace, delivered: 6 })
    expect(end.lost).toMatchObject([{ reason: 'retries exhausted' }])
  })

  it('reports the first failure of a series, and the first of another type', () => {
    const bug = new TypeError('undefined is no function')
    const first = onError([entry(0)], bug)
    expect(first.report).toBe(true)
    expect(onError([entry(0)], bug, first.pace).report).toBe(false)
    const other = onError([entry(0)], away(), first.pace)
    expect(other.report).toBe(true)
    expect(onError([entry(0)], away(), other.pace).report).toBe(false)
    const well = onReceipt([entry(0)], {}, other.pace)
    expect(onError([entry(0)], away(), well.pace).report).toBe(true)
  })

  it('obeys Retry-After up to 15 minutes', () => {
    expect(onError(batchOf(1), away({ retryAfterMs: 900_000 })).holdMs).toBe(900_000)
    expect(onError(batchOf(1), away({ retryAfterMs: 3_600_000 })).holdMs).toBe(900_000)
    expect(onError(batchOf(1), away({ retryAfterMs: Number.NaN })).holdMs).toBe(0)
  })

  it('treats a rate limit as an answer: no outage, no strike, no halving', () => {
    const limited = away({ code: 'DRIVER_RATE_LIMITED', retryAfterMs: 3000 })
    expect(onError(batchOf(4), limited)).toMatchObject({ verdict: 'answer', holdMs: 3000, pace: { size: 100 } })
    expect(onError([entry(0, { failedAt: 0 })], limited, { ...pace, delivered: 9 }).back).toHaveLength(1)
  })

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['a text', 'text'],
    ['a trap', new Proxy({}, trap)],
    ['a bigint', 7n],
    ['a symbol', Symbol('s')],
  ])('takes %s that was thrown for an outage', (_, error) => {
    expect(onError(batchOf(2), error)).toMatchObject({ verdict: 'outage', holdMs: 0 })
  })

  it('accounts for each item once whatever fails', () => {
    const error = fc.record({
      retryable: fc.constantFrom(true, false, undefined),
      refuses: fc.constantFrom('content', 'backend', undefined),
      code: fc.constantFrom('DRIVER_RATE_LIMITED', 'DRIVER_TOO_LARGE', 'X'),
      retryAfterMs: fc.constantFrom(undefined, 5, -1),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), error, (size, thrown) => {
        expect(places(onError(batchOf(size), thrown))).toEqual(ids(batchOf(size)).sort())
      }),
    )
  })
})
