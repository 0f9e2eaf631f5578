import { AsyncResource } from 'node:async_hooks'
import {
  currentContext,
  currentScope,
  newTrace,
  onTelemetry,
  withScope,
  withUnit,
  type Clock,
  type Context,
} from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { describe, expect, it, vi } from 'vitest'
import { memoryClaims, type ClaimStore } from './claims.ts'
import { createCron } from './create-cron.ts'
import { defineCron, type CronContext } from './define-cron.ts'
import type { CronDriver } from './driver.ts'
import { local } from './drivers/local.ts'
import { parseSchedule } from './schedule.ts'
import { lossyClaims } from './testing/index.ts'
import { testClaimStore } from './testing/conformance/index.ts'

testClaimStore('memory', (clock) => memoryClaims(clock))

describe('a schedule', () => {
  const at = (text: string) => Date.parse(text)
  it('floors to the occurrence that is due, including at its very second', () => {
    const { floor, next } = parseSchedule('*/15 * * * *', 'UTC')
    expect(floor(at('2026-11-01T00:15:00Z'))).toBe(at('2026-11-01T00:15:00Z'))
    expect(floor(at('2026-11-01T00:15:00.999Z'))).toBe(at('2026-11-01T00:15:00Z'))
    expect(floor(at('2026-11-01T00:14:59.999Z'))).toBe(at('2026-11-01T00:00:00Z'))
    expect(next(at('2026-11-01T00:15:00Z'))).toBe(at('2026-11-01T00:30:00Z'))
  })
  it('is due once in an hour that daylight saving time repeats, and after the gap in an hour that it skips', () => {
    const { next } = parseSchedule('30 2 * * *', 'Europe/Stockholm')
    expect(next(at('2026-03-28T12:00:00Z'))).toBe(at('2026-03-29T01:00:00Z'))
    const first = next(at('2026-10-24T12:00:00Z')) as number
    expect(next(first)).toBe(at('2026-10-26T01:30:00Z'))
  })
  it.each([
    ['', 'UTC'],
    ['* * * * * *', 'UTC'],
    ['61 * * * *', 'UTC'],
    ['* * * * *', 'Mars/Base'],
  ])('rejects %j in %s', (expression, timezone) => {
    expect(() => parseSchedule(expression, timezone)).toThrow(
      expect.objectContaining({ code: 'CRON_SCHEDULE_INVALID' }),
    )
  })
  it('has no next occurrence for a date that never comes', () => {
    expect(parseSchedule('0 0 30 2 *', 'UTC').next(0)).toBeUndefined()
  })
})

describe('the engine', () => {
  it('does not start a run while the previous one is under way, and runs again after it', async () => {
    const clock = createManualClock(Date.UTC(2026, 10, 1))
    let finish = () => {}
    let runs = 0
    const slow = defineCron({ name: 'slow', schedule: '* * * * *', timeout: '10m' }, () => {
      runs += 1
      return new Promise<void>((resolve) => (finish = resolve))
    })
    const cron = createCron({ crons: [slow], driver: local({ clock }), clock })
    cron.start()
    await clock.advance(180_000)
    expect(runs).toBe(1)
    expect(cron.history().map(({ reason }) => reason)).toEqual(['overlap', 'overlap'])
    finish()
    await clock.advance(60_000)
    expect(runs).toBe(2)
    finish()
    await cron.close()
  })

  it('reports a failure once, redacted, keeps the schedule, and records it', async () => {
    const operations: string[] = []
    const stop = onTelemetry(({ name, attributes }) =>
      operations.push(`${name} ${(attributes as { outcome?: string }).outcome}`),
    )
    const clock = createManualClock(Date.UTC(2026, 10, 1))
    const onError = vi.fn()
    const failing = defineCron({ name: 'failing', schedule: '* * * * *' }, () => {
      throw new Error('postgres://user:hunter2@db/app refused')
    })
    const cron = createCron({ crons: [failing], driver: local({ clock }), clock, onError })
    cron.start()
    await clock.advance(120_000)
    expect(onError).toHaveBeenCalledTimes(2)
    expect(cron.history()[0]).toMatchObject({ outcome: 'error', error: expect.not.stringContaining('hunter2') })
    stop()
    expect(operations).toEqual(['cron.run error', 'cron.run error'])
    await cron.close()
  })

  it('ends a run at its timeout', async () => {
    const clock = createManualClock(Date.UTC(2026, 10, 1))
    let aborted = false
    const stuck = defineCron({ name: 'stuck', schedule: '0 0 * * *', timeout: 5 }, ({ signal }) => {
      signal.addEventListener('abort', () => (aborted = true))
      return new Promise(() => {})
    })
    const cron = createCron({ crons: [stuck], driver: local({ clock }), clock, onError: () => {} })
    const run = cron.run('stuck')
    await clock.advance(5000)
    expect(await run).toMatchObject({ outcome: 'error', error: expect.stringContaining('5000 ms') })
    expect(aborted).toBe(true)
    await cron.close()
  })

  it('waits for an occurrence that is further away than a timer can be set', async () => {
    const clock = createManualClock(Date.UTC(2026, 0, 2))
    const ran: number[] = []
    const yearly = defineCron(
      { name: 'yearly', schedule: '0 0 1 1 *' },
      ({ scheduledAt }) => void ran.push(scheduledAt),
    )
    const cron = createCron({ crons: [yearly], driver: local({ clock }), clock })
    cron.start()
    await clock.advance(364 * 86_400_000)
    expect(ran).toEqual([Date.UTC(2027, 0, 1)])
    await cron.close()
  })

  it.each(['Daily', 'a b', '-a', ''])('rejects the name %j', (name) => {
    expect(() => defineCron({ name, schedule: '* * * * *' }, () => {})).toThrow(/not a valid job name/)
  })
  it('rejects two jobs with the same name, and a run of an unknown job', async () => {
    const job = defineCron({ name: 'a', schedule: '* * * * *' }, () => {})
    expect(() => createCron({ crons: [job, job], driver: local() })).toThrow(/Two jobs/)
    await expect(createCron({ crons: [job], driver: local() }).run('b')).rejects.toMatchObject({ code: 'CRON_UNKNOWN' })
  })
})

const outside: CronDriver = {
  specificationVersion: 1,
  name: 'outside',
  capabilities: { selfDriven: false },
  start() {},
  authorize: async () => true,
  async health() {},
  async close() {},
}
const START = Date.UTC(2026, 10, 1)
const get = (): Request => new Request('http://app.example/api/cron/job')
const isProblem = (answer: Response): boolean => answer.headers.get('content-type') === 'application/problem+json'
const never = (): Promise<never> => new Promise(() => {})

/** An engine with one job, `job`, that is due each minute. */
function makeCron({
  job = () => undefined,
  driver,
  claims,
}: {
  job?: (context: CronContext) => unknown
  driver?: Partial<CronDriver>
  claims?: (working: ClaimStore) => Partial<ClaimStore>
} = {}) {
  const clock = createManualClock(START)
  const failures: string[] = []
  const working = memoryClaims(clock)
  const cron = createCron({
    crons: [defineCron({ name: 'job', schedule: '* * * * *' }, job)],
    driver: { ...outside, ...driver },
    claims: { ...working, ...claims?.(working) },
    clock,
    onError: (error, { operation }) => failures.push(`${operation}: ${error.message}`),
  })
  return { clock, cron, failures }
}

describe('a driver that misbehaves', () => {
  it.each([
    ['rejects', () => Promise.reject(new Error('no connection'))],
    [
      'throws',
      () => {
        throw new Error('no connection')
      },
    ],
  ])('is reported when its start %s, and can be started again', async (_, start) => {
    const { clock, cron, failures } = makeCron({ driver: { start } })
    cron.start()
    await clock.advance(0)
    cron.start()
    await clock.advance(0)
    expect(failures).toEqual(['start: no connection', 'start: no connection'])
    await cron.close()
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('still busy'))],
    ['never ends', never],
  ])('does not prevent runs from being aborted when its close %s', async (_, close) => {
    const job = ({ signal }: CronContext) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const { clock, cron } = makeCron({ job, driver: { close } })
    const run = cron.run('job')
    await clock.advance(0)
    const closed = cron.close()
    expect(await run).toMatchObject({ outcome: 'error', error: expect.stringContaining('closed') })
    await clock.advance(10_000)
    await closed
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('no secret')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no secret'))],
    ['never answers', never],
  ])('makes the route answer 500 when its authorize %s', async (_, authorize) => {
    const { clock, cron, failures } = makeCron({ driver: { authorize } })
    const answer = cron.handler(get(), 'job')
    await clock.advance(5000)
    expect((await answer).status).toBe(500)
    expect(isProblem(await answer)).toBe(true)
    expect(failures).toHaveLength(1)
    await cron.close()
  })

  it('authorises nobody with an answer other than `true`', async () => {
    const { cron } = makeCron({ driver: { authorize: async () => 'no' as unknown as boolean } })
    expect((await cron.handler(get(), 'job')).status).toBe(401)
    await cron.close()
  })
})

describe('an engine that is closed', () => {
  it('answers 503, runs nothing and does not start again', async () => {
    const start = vi.fn()
    const { cron } = makeCron({ driver: { start } })
    await cron.close()
    const answer = await cron.handler(get(), 'job')
    expect([answer.status, isProblem(answer)]).toEqual([503, true])
    expect(() => cron.start()).toThrow(expect.objectContaining({ code: 'CRON_CLOSED' }))
    expect(start).not.toHaveBeenCalled()
  })
})

describe('a claim store that is away', () => {
  const refuse = (): Promise<never> => Promise.reject(new Error('database is down'))

  it.each([
    ['fails', refuse],
    ['does not answer', never],
  ])('makes the route answer 503 when it %s, and nothing is run or recorded', async (_, claim) => {
    const job = vi.fn()
    const { clock, cron } = makeCron({ job, claims: () => ({ claim }) })
    const answer = cron.handler(get(), 'job')
    await clock.advance(5000)
    expect([(await answer).status, isProblem(await answer)]).toEqual([503, true])
    await expect(cron.handler(get(), 'unknown')).resolves.toMatchObject({ status: 404 })
    expect(job).not.toHaveBeenCalled()
    expect(cron.history()).toEqual([])
    await cron.close()
  })

  it('is not called after five failures, so that nobody waits for it, and health reports it', async () => {
    const claim = vi.fn(never)
    const { clock, cron } = makeCron({ claims: () => ({ claim }) })
    const unavailable = { code: 'CRON_CLAIMS_UNAVAILABLE', retryable: true }
    for (let i = 0; i < 5; i++) {
      const run = expect(cron.run('job')).rejects.toMatchObject(unavailable)
      await clock.advance(5000)
      await run
    }
    // These reject at once: the clock does not move.
    for (let i = 0; i < 3; i++) await expect(cron.run('job')).rejects.toMatchObject(unavailable)
    expect(claim).toHaveBeenCalledTimes(5)
    expect((await cron.health()).status).not.toBe('ready')
    expect(cron.history()).toEqual([])
    await cron.close()
  })

  it('runs all jobs that are due when it is back, while one of them probes it', async () => {
    let away = true
    const clock = createManualClock(START)
    const working = memoryClaims(clock)
    const ran: string[] = []
    const crons = ['a', 'b', 'c'].map((name) => defineCron({ name, schedule: '* * * * *' }, () => void ran.push(name)))
    const claims: ClaimStore = { ...working, claim: (...all) => (away ? refuse() : working.claim(...all)) }
    const cron = createCron({ crons, driver: outside, claims, clock, onError: () => {} })
    for (let i = 0; i < 5; i++) await cron.run('a').catch(() => undefined)
    away = false
    await expect(cron.run('a')).rejects.toMatchObject({ code: 'CRON_CLAIMS_UNAVAILABLE' })
    await clock.advance(5000)
    const outcomes = await Promise.all(crons.map(({ name }) => cron.run(name)))
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok'])
    expect(ran.toSorted()).toEqual(['a', 'b', 'c'])
    expect((await cron.health()).status).toBe('ready')
    await cron.close()
  })

  it('has an error reported that its abort listener throws, and the engine goes on', async () => {
    const listens = (name: string, signal: AbortSignal | undefined): Promise<never> => {
      signal?.addEventListener('abort', () => {
        throw new Error(name)
      })
      return never()
    }
    const { clock, cron, failures } = makeCron({
      claims: () => ({
        claim: (...[, , , signal]) => listens('of the claim', signal),
        release: (...[, , signal]) => listens('of the release', signal),
      }),
    })
    const run = expect(cron.run('job')).rejects.toMatchObject({ code: 'CRON_CLAIMS_UNAVAILABLE' })
    await clock.advance(20_000)
    await run
    const closing = cron.close()
    await clock.advance(20_000)
    await closing
    expect(failures).toEqual(expect.arrayContaining(['claim: of the claim', 'release: of the release']))
  })

  it('does not keep a run waiting once the engine closes', async () => {
    const { clock, cron } = makeCron({ claims: () => ({ claim: never }) })
    const run = expect(cron.run('job')).rejects.toMatchObject({ code: 'CRON_CLOSED' })
    await clock.advance(0)
    const closing = cron.close()
    await run
    // The claim may still be granted until its deadline.
    await clock.advance(5000)
    await closing
  })

  it.each([true, false])('loses no occurrence when the second claim fails (release works: %s)', async (works) => {
    const job = vi.fn()
    let away = true
    const claims = ({ claim, release }: ClaimStore): Partial<ClaimStore> => ({
      claim: (key, ...rest) => (away && key.endsWith(':running') ? refuse() : claim(key, ...rest)),
      release: (...all) => (away && !works ? refuse() : release(...all)),
    })
    const { cron } = makeCron({ job, claims })
    await expect(cron.run('job', START)).rejects.toMatchObject({ code: 'CRON_CLAIMS_UNAVAILABLE' })
    away = false
    expect(await cron.run('job', START)).toMatchObject({ outcome: 'ok' })
    expect(job).toHaveBeenCalledTimes(1)
    await cron.close()
  })

  it('gets back a claim that it grants after the deadline', async () => {
    let grant: ((isOurs: boolean) => void) | undefined
    let token = ''
    const release = vi.fn(async () => {})
    const slow = (_key: string, own: string) => {
      token = own
      return new Promise<boolean>((resolve) => (grant = resolve))
    }
    const { clock, cron } = makeCron({ claims: () => ({ claim: slow, release }) })
    const run = expect(cron.run('job')).rejects.toMatchObject({ code: 'CRON_CLAIMS_UNAVAILABLE' })
    await clock.advance(5000)
    await run
    release.mockClear()
    grant?.(true)
    await clock.advance(0)
    expect(release).toHaveBeenCalledWith(`cron:job:${START}`, token, expect.anything())
    await cron.close()
  })

  it.each(['fails', 'stays silent'])(
    'gets a claim back that it granted before it %s, and no occurrence is lost',
    async (how) => {
      for (const lost of [`cron:job:${START}`, 'cron:job:running']) {
        const job = vi.fn()
        const clock = createManualClock(START)
        const store = lossyClaims(memoryClaims(clock), how === 'fails' ? 'rejects' : 'silent')
        const make = () =>
          createCron({
            crons: [defineCron({ name: 'job', schedule: '* * * * *' }, job)],
            driver: outside,
            claims: store,
            clock,
          })
        const [cron, neighbour] = [make(), make()]
        store.loseNext('claim', lost)
        const run = expect(cron.run('job', START)).rejects.toMatchObject({ code: 'CRON_CLAIMS_UNAVAILABLE' })
        await clock.advance(5000)
        await run
        // The next delivery may reach another server.
        expect(await neighbour.run('job', START)).toMatchObject({ outcome: 'ok' })
        expect(await cron.run('job', START)).toMatchObject({ outcome: 'skipped', reason: 'duplicate' })
        expect(job).toHaveBeenCalledTimes(1)
        await Promise.all([cron.close(), neighbour.close()])
      }
    },
  )

  it('loses no occurrence when a claim arrives after its release', async () => {
    const job = vi.fn()
    let late: (() => unknown) | undefined
    const { clock, cron } = makeCron({
      job,
      claims: ({ claim }) => ({
        claim(...all) {
          if (late) return claim(...all)
          late = () => claim(...all)
          return Promise.reject(new Error('socket hang up'))
        },
      }),
    })
    await expect(cron.run('job', START)).rejects.toMatchObject({ code: 'CRON_CLAIMS_UNAVAILABLE' })
    await clock.advance(0)
    await late?.()
    expect(await cron.run('job', START)).toMatchObject({ outcome: 'ok' })
    expect(job).toHaveBeenCalledTimes(1)
    await cron.close()
  })

  it('lets an occurrence that is delivered twice at the same time run once, although it is slow', async () => {
    const job = vi.fn()
    const { clock, cron } = makeCron({
      job,
      claims: ({ claim }) => ({
        claim: async (...all) => {
          const answer = await claim(...all)
          return new Promise((resolve) => void clock.setTimeout(() => resolve(answer), 1000))
        },
      }),
    })
    const both = Promise.all([cron.run('job', START), cron.run('job', START)])
    await clock.advance(3000)
    expect((await both).map(({ outcome }) => outcome).toSorted()).toEqual(['ok', 'skipped'])
    expect(job).toHaveBeenCalledTimes(1)
    await cron.close()
  })

  it.each(['settle', 'release'] as const)(
    'does not change the outcome of a run when %s fails after it',
    async (method) => {
      const { cron, failures } = makeCron({ job: () => 7, claims: () => ({ [method]: refuse }) })
      expect(await cron.run('job')).toMatchObject({ outcome: 'ok', result: 7 })
      expect(cron.history()).toHaveLength(1)
      expect(failures).toEqual([`${method}: database is down`])
      await cron.close()
    },
  )
})

describe('a lock whose release failed', () => {
  it.each([0, 1])('is released before the next occurrence, which runs (%i failed claims before)', async (lost) => {
    const clock = createManualClock(START)
    const store = memoryClaims(clock)
    let refusals = 1
    let failedClaims = lost
    const claims: ClaimStore = {
      ...store,
      claim: (...all) => (failedClaims-- > 0 ? Promise.reject(new Error('no')) : store.claim(...all)),
      release(key, ...all) {
        if (key === 'cron:long:running' && refusals-- > 0) return Promise.reject(new Error('database is down'))
        return store.release(key, ...all)
      },
    }
    const crons = [
      defineCron({ name: 'short', schedule: '*/5 * * * *', timeout: '1s' }, () => {}),
      defineCron({ name: 'long', schedule: '*/5 * * * *', timeout: '30m' }, () => {}),
    ]
    const cron = createCron({ crons, driver: outside, claims, clock, onError: () => {} })
    await cron.run('short', START).catch(() => undefined)
    expect(await cron.run('long', START)).toMatchObject({ outcome: 'ok' })
    await clock.advance(5 * 60_000)
    expect(await cron.run('long', START + 5 * 60_000)).toMatchObject({ outcome: 'ok' })
    await cron.close()
  })
})

describe('a claim that may still be owned', () => {
  const job = (ran: number[] = []) =>
    defineCron({ name: 'job', schedule: '* * * * *', timeout: '5m' }, ({ scheduledAt }) => void ran.push(scheduledAt))
  const refuse = (): Promise<never> => Promise.reject(new Error('database is down'))

  it('is released in time for another engine to run the next occurrence', async () => {
    const clock = createManualClock(START)
    const store = memoryClaims(clock)
    let refusals = 3
    const lossy: ClaimStore = {
      ...store,
      release: (key, ...all) => (key === 'cron:job:running' && refusals-- > 0 ? refuse() : store.release(key, ...all)),
    }
    const reported: string[] = []
    const onError = (error: Error): void => void reported.push(error.message)
    const one = createCron({ crons: [job()], driver: outside, claims: lossy, clock, onError })
    const two = createCron({ crons: [job()], driver: outside, claims: store, clock })
    expect(await one.run('job', START)).toMatchObject({ outcome: 'ok' })
    await clock.advance(60_000)
    expect(await two.run('job', START + 60_000)).toMatchObject({ outcome: 'ok' })
    expect(await one.run('job', START + 60_000)).toMatchObject({ reason: 'duplicate' })
    expect(reported).toEqual(['database is down'])
    // No release is pending, so no timer is.
    expect(clock.pending).toBe(0)
    await Promise.all([one.close(), two.close()])
  })

  it('is released again until its lease is over, since the claim itself may arrive late', async () => {
    const clock = createManualClock(START)
    const store = memoryClaims(clock)
    let late: (() => Promise<boolean>) | undefined
    const claims: ClaimStore = {
      ...store,
      claim(key, token, leaseMs, signal) {
        if (late || key !== 'cron:job:running') return store.claim(key, token, leaseMs, signal)
        late = () => store.claim(key, token, leaseMs, new AbortController().signal)
        return refuse()
      },
    }
    const one = createCron({ crons: [job()], driver: outside, claims, clock, onError: () => {} })
    const two = createCron({ crons: [job()], driver: outside, claims: store, clock })
    await expect(one.run('job', START)).rejects.toMatchObject({ code: 'CRON_CLAIMS_UNAVAILABLE' })
    await clock.advance(20_000)
    // The claim, which was sent first, arrives after all the releases so far.
    expect(await late?.()).toBe(true)
    await clock.advance(40_000)
    expect(await two.run('job', START + 60_000)).toMatchObject({ outcome: 'ok' })
    await clock.advance(10 * 60_000)
    expect(clock.pending).toBe(0)
    await Promise.all([one.close(), two.close()])
  })

  it('is released again when the claim arrives between its release and the next claim', async () => {
    const clock = createManualClock(START)
    const store = memoryClaims(clock)
    let late: (() => Promise<boolean>) | undefined
    const claims: ClaimStore = {
      ...store,
      async claim(key, token, leaseMs, signal) {
        if (key !== 'cron:job:running') return store.claim(key, token, leaseMs, signal)
        if (late) {
          await late()
          return store.claim(key, token, leaseMs, signal)
        }
        late = () => store.claim(key, token, leaseMs, new AbortController().signal)
        return refuse()
      },
    }
    const one = createCron({ crons: [job()], driver: outside, claims, clock, onError: () => {} })
    const two = createCron({ crons: [job()], driver: outside, claims: store, clock })
    await expect(one.run('job', START)).rejects.toMatchObject({ code: 'CRON_CLAIMS_UNAVAILABLE' })
    expect(await one.run('job', START)).toMatchObject({ reason: 'overlap' })
    await clock.advance(60_000)
    expect(await two.run('job', START + 60_000)).toMatchObject({ outcome: 'ok' })
    await Promise.all([one.close(), two.close()])
  })

  it('leaves no timer once the next claim of the key is granted', async () => {
    const clock = createManualClock(START)
    const store = memoryClaims(clock)
    const refusals = ['claim', 'release']
    const refuseOnce = (call: string): boolean => refusals[0] === call && refusals.shift() !== undefined
    const claims: ClaimStore = {
      ...store,
      claim: (...all) => (refuseOnce('claim') ? refuse() : store.claim(...all)),
      release: (...all) => (refuseOnce('release') ? refuse() : store.release(...all)),
    }
    const cron = createCron({ crons: [job()], driver: outside, claims, clock, onError: () => {} })
    await expect(cron.run('job', START)).rejects.toMatchObject({ code: 'CRON_CLAIMS_UNAVAILABLE' })
    expect(clock.pending).toBe(1)
    expect(await cron.run('job', START)).toMatchObject({ outcome: 'ok' })
    expect(clock.pending).toBe(0)
    await cron.close()
  })

  it('is released by close although the claim was still on its way', async () => {
    const clock = createManualClock(START)
    const store = memoryClaims(clock)
    const soon = (): Promise<void> => new Promise((resolve) => void clock.setTimeout(resolve, 75))
    // This store is slow, and ignores the abort signal.
    const slow: ClaimStore = {
      ...store,
      claim: (key, token, leaseMs) => soon().then(() => store.claim(key, token, leaseMs, AbortSignal.timeout(1000))),
      release: (...all) => soon().then(() => store.release(...all)),
    }
    const one = createCron({ crons: [job()], driver: outside, claims: slow, clock, onError: () => {} })
    const two = createCron({ crons: [job()], driver: outside, claims: store, clock })
    const run = expect(one.run('job', START)).rejects.toMatchObject({ code: 'CRON_CLOSED' })
    await clock.advance(40)
    const closing = one.close()
    for (let ms = 0; ms < 500; ms += 5) await clock.advance(5)
    await Promise.all([closing, run])
    expect(await two.run('job', START)).toMatchObject({ outcome: 'ok' })
    await two.close()
  })

  it('is released by close, and no timer is left', async () => {
    const clock = createManualClock(START)
    const store = memoryClaims(clock)
    let away = true
    const lossy: ClaimStore = {
      ...store,
      release: (key, ...all) => (away && key === 'cron:job:running' ? refuse() : store.release(key, ...all)),
    }
    const one = createCron({ crons: [job()], driver: outside, claims: lossy, clock, onError: () => {} })
    const two = createCron({ crons: [job()], driver: outside, claims: store, clock })
    await one.run('job', START)
    await clock.advance(30_000)
    away = false
    await one.close()
    expect(clock.pending).toBe(0)
    expect(await two.run('job', START + 60_000)).toMatchObject({ outcome: 'ok' })
    await two.close()
  })
})

describe('a wall clock that is set back', () => {
  it.each([
    ['an hour', 3_600_000],
    ['a year', 365 * 86_400_000],
  ])('by %s: the next occurrences by the new time run, and none runs twice', async (_, backMs) => {
    const manual = createManualClock(Date.UTC(2027, 0, 1, 0, 0, 30))
    let setBackMs = 0
    const clock = { ...manual, now: () => manual.now() - setBackMs, monotonic: () => manual.monotonic() }
    const ran: number[] = []
    const job = defineCron({ name: 'job', schedule: '* * * * *' }, ({ scheduledAt }) => void ran.push(scheduledAt))
    const cron = createCron({ crons: [job], driver: local({ clock }), clock })
    cron.start()
    await manual.advance(120_000)
    expect(ran).toHaveLength(2)
    setBackMs = backMs
    for (let minute = 0; minute < 50; minute++) await manual.advance(60_000)
    expect(ran.length).toBeGreaterThanOrEqual(51)
    // By now the clock is past the time at which it was set back.
    for (let minute = 0; minute < 20; minute++) await manual.advance(60_000)
    expect(new Set(ran).size).toBe(ran.length)
    await cron.close()
  })
})

describe('the unit of work of a run', () => {
  it('has no user when the driver’s own tick starts the run, whoever started the engine', async () => {
    let seen: unknown
    const clock = createManualClock(START)
    const job = defineCron({ name: 'job', schedule: '* * * * *' }, () => {
      seen = { context: currentContext(), user: currentScope()?.user, tags: { ...currentScope()?.tags } }
    })
    const cron = createCron({ crons: [job], driver: local({ clock }), clock })
    const trace = newTrace()
    withUnit({ trace, userId: 'ana' }, () =>
      withScope((scope) => {
        scope.user = { id: 'ana' }
        cron.start()
      }),
    )
    await withUnit({ trace, userId: 'ana' }, () => clock.advance(60_000))
    expect(seen).toMatchObject({ user: undefined, tags: {} })
    const { context } = seen as { context: Context }
    expect(context.userId).toBeUndefined()
    expect(context.trace.traceId).not.toBe(trace.traceId)
    await cron.close()
  })

  it('has no user in the report of a tick that could not run, whoever started the engine', async () => {
    const users: unknown[] = []
    const manual = createManualClock(START)
    // Like a real timer, this one runs in the unit of work that set it.
    const setTimer: Clock['setTimeout'] = (fn, ms) => manual.setTimeout(AsyncResource.bind(fn), ms)
    const clock = { ...manual, setTimeout: setTimer }
    const away: ClaimStore = { ...memoryClaims(clock), claim: () => Promise.reject(new Error('database is down')) }
    const cron = createCron({
      crons: [defineCron({ name: 'job', schedule: '* * * * *' }, () => {})],
      driver: local({ clock }),
      claims: away,
      clock,
      onError: () => void users.push(currentScope()?.user),
    })
    withScope((scope) => {
      scope.user = { id: 'ana' }
      cron.start()
    })
    await clock.advance(60_000)
    expect(users).toEqual([undefined])
    await cron.close()
  })

  it('continues the trace of the route that triggers the run', async () => {
    let traceId: string | undefined
    const { cron } = makeCron({ job: () => void (traceId = currentContext()?.trace.traceId) })
    const trace = newTrace()
    await withUnit({ trace }, () => cron.handler(get(), 'job'))
    expect(traceId).toBe(trace.traceId)
    await cron.close()
  })
})

describe('the options', () => {
  const job = defineCron({ name: 'a', schedule: '* * * * *' }, () => 1)
  it.each([
    [{}, 'claim, release, settle'],
    [{ claim: async () => true, release: async () => undefined }, 'settle'],
    [{ ...memoryClaims(), claim: 1 }, 'claim'],
  ])('reject a claim store that lacks methods, and name them: %j', (claims, missing) => {
    expect(() => createCron({ crons: [job], driver: local(), claims: claims as never })).toThrow(
      expect.objectContaining({
        code: 'OPTION_INVALID',
        message: `[msc/cron] \`claims\` does not implement ${missing}.`,
      }),
    )
  })
  it.each([Number.NaN, 0, -1, 'x'])('reject the time limit %s', (claimTimeoutMs) => {
    expect(() => createCron({ crons: [job], driver: local(), claimTimeoutMs: claimTimeoutMs as never })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })
})
