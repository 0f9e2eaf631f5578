import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { admit, gateKeys, runFor, type Arrival } from './admission.ts'
import { defineJob, type AnyJob, type JobEvent, type JobOptions } from './define-job.ts'
import type { Gate, NewRun } from './store.ts'

const START = 1_000_000
const carrier = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }

interface Came {
  /** After the one before. */
  readonly afterMs: number
  readonly user: number
  /** How much earlier it happened. */
  readonly lateMs: number
}
const arrivals = fc.array(fc.record({ afterMs: fc.nat(5000), user: fc.nat(2), lateMs: fc.nat(3000) }), {
  minLength: 1,
  maxLength: 60,
})

function jobWith(options: Partial<JobOptions<never>>): AnyJob {
  return defineJob<never>({ id: 'job', triggers: [{ event: 'e' }], ...options }, () => {})
}

/** Lets events arrive one after the other, as a store would; what is due has started before the next comes. */
function simulate(job: AnyJob, came: readonly Came[]) {
  const gates = new Map<string, Gate>()
  const runs = new Map<string, NewRun>()
  const events: (JobEvent & { readonly arrivedAt: number; readonly user: number })[] = []
  let now = START
  for (const [index, { afterMs, user, lateMs }] of came.entries()) {
    now += afterMs
    const event = { id: `e${index}`, name: 'e', data: { user }, ts: now - lateMs }
    events.push({ ...event, arrivedAt: now, user })
    const arrival: Arrival = { job, event, carrier }
    const known = new Map(gateKeys([arrival]).map((key) => [key, gates.get(key) ?? { value: '', version: 0 }]))
    const admitted = admit([arrival], known, new Set(), now)
    for (const { key, value, version } of admitted.gates ?? []) gates.set(key, { value, version: version + 1 })
    for (const run of admitted.runs) runs.set(run.id, run)
    for (const { id, replace, append, wakeAt } of admitted.amend ?? []) {
      const run = runs.get(id) as NewRun
      // What has started collects no more.
      expect(run.wakeAt).toBeGreaterThan(now)
      runs.set(id, { ...run, events: replace ?? [...run.events, ...(append ?? [])], wakeAt })
    }
  }
  const startOf = (run: NewRun): number => run.wakeAt ?? run.createdAt
  return { runs: [...runs.values()], events, startOf }
}
const userOf = (run: NewRun): number => (run.events[0] as JobEvent<{ user: number }>).data.user

describe('a throttle', () => {
  it('starts no more in any period than its limit and burst allow, in order, for each key', () => {
    const options = fc.record({
      limit: fc.integer({ min: 1, max: 5 }),
      period: fc.integer({ min: 1, max: 10 }),
      burst: fc.integer({ min: 1, max: 4 }),
    })
    fc.assert(
      fc.property(arrivals, options, (came, throttle) => {
        const job = jobWith({ throttle: { ...throttle, key: 'data.user' } })
        // None of them is of a time to come, which would delay it beyond its turn.
        const { runs, events, startOf } = simulate(job, came)
        expect(runs).toHaveLength(events.length)
        const periodMs = throttle.period * 1000
        for (const user of [0, 1, 2]) {
          const starts = runs.filter((run) => userOf(run) === user).map(startOf)
          expect(starts).toEqual(starts.toSorted((a, b) => a - b))
          for (const from of starts) {
            const within = starts.filter((at) => at >= from && at < from + periodMs).length
            expect(within).toBeLessThanOrEqual(throttle.limit + throttle.burst - 1 + 1e-9)
          }
        }
      }),
    )
  })
})

describe('an idempotency key', () => {
  it('starts one run in a day, the first', () => {
    fc.assert(
      fc.property(arrivals, (came) => {
        const { runs, events } = simulate(jobWith({ idempotencyKey: 'data.user' }), came)
        const first = [0, 1, 2].flatMap((user) => events.find((event) => event.user === user)?.id ?? [])
        expect(runs.map((run) => run.events[0]?.id).toSorted()).toEqual(first.toSorted())
      }),
    )
  })

  it('starts another the day after', () => {
    const later = [0, 86_399_999, 1].map((afterMs) => ({ afterMs, user: 0, lateMs: 0 }))
    expect(simulate(jobWith({ idempotencyKey: 'data.user' }), later).runs.map(({ id }) => id)).toEqual([
      'e0.job',
      'e2.job',
    ])
  })
})

describe('a batch', () => {
  it('has each event once, in order, no more than its size, and is never late', () => {
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 8 }), (came, size, timeout) => {
        const job = jobWith({ batch: { size, timeout, key: 'data.user' } })
        const { runs, events, startOf } = simulate(job, came)
        for (const user of [0, 1, 2]) {
          const collected = runs.filter((run) => userOf(run) === user).flatMap((run) => run.events.map(({ id }) => id))
          expect(collected).toEqual(events.filter((event) => event.user === user).map(({ id }) => id))
        }
        for (const run of runs) {
          expect(run.events.length).toBeLessThanOrEqual(size)
          expect(startOf(run)).toBeLessThanOrEqual(run.createdAt + timeout * 1000)
        }
      }),
    )
  })
})

describe('a debounce', () => {
  it('runs with the latest of a burst, after the quiet or the longest wait', () => {
    fc.assert(
      fc.property(
        arrivals,
        fc.integer({ min: 1, max: 6 }),
        fc.option(fc.integer({ min: 1, max: 9 })),
        (came, period, most) => {
          const debounce = { period, key: 'data.user', ...(most !== null && { maxWait: most }) }
          const { runs, events, startOf } = simulate(jobWith({ debounce }), came)
          for (const [index, run] of runs.entries()) {
            const next = runs.slice(index + 1).find((other) => userOf(other) === userOf(run))
            const burst = events.filter(
              ({ user, arrivedAt, id }) =>
                user === userOf(run) &&
                arrivedAt >= run.createdAt &&
                arrivedAt < (next?.createdAt ?? Infinity) &&
                (arrivedAt < startOf(run) || id === run.events[0]?.id),
            )
            expect(run.events).toHaveLength(1)
            expect(run.events[0]?.ts).toBe(Math.max(...burst.map(({ ts }) => ts)))
            if (most !== null) expect(startOf(run)).toBeLessThanOrEqual(run.createdAt + most * 1000)
            else expect(startOf(run)).toBeGreaterThanOrEqual(run.createdAt + period * 1000)
          }
        },
      ),
    )
  })
})

describe('a run', () => {
  it('has the same id for the same event, and a key that is short whatever the value', () => {
    const job = jobWith({ concurrency: { limit: 1, key: 'data.text' } })
    fc.assert(
      fc.property(fc.string({ maxLength: 400 }), fc.string({ maxLength: 400 }), (a, b) => {
        const of = (text: string): NewRun =>
          runFor({ job, carrier, event: { id: 'e', name: 'e', data: { text }, ts: START } }, START)
        expect(of(a).id).toBe('e.job')
        expect(of(a).slots?.[0]?.key.length).toBeLessThan(300)
        expect(of(a).slots?.[0]?.key === of(b).slots?.[0]?.key).toBe(a === b)
      }),
    )
  })
})
