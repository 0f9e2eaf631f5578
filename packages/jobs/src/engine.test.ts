import { DriverError, currentContext, newTrace, withUnit } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createJobs } from './create-jobs.ts'
import { defineEvent, defineJob } from './define-job.ts'
import { embedded } from './drivers/embedded.ts'
import { NonRetriableError } from './errors.ts'
import { memoryStore } from './stores/memory.ts'
import { createTestJobs, type TestJobs } from './testing/test-jobs.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const go = [{ event: 'test/go' }]
let open: TestJobs | undefined

async function start(options: Parameters<typeof createTestJobs>[0]): Promise<TestJobs> {
  return (open = await createTestJobs(options))
}

afterEach(async () => {
  await open?.close()
  open = undefined
})

describe('time', () => {
  it('of 30 days passes in a moment', async () => {
    const said: [string, number][] = []
    const reminder = defineJob({ id: 'reminder', triggers: go }, async ({ step }) => {
      await step.run('first', () => void said.push(['first', clock.now()]))
      await step.sleep('a month', '30d')
      await step.run('second', () => void said.push(['second', clock.now()]))
    })
    const { jobs, clock, finish } = await start({ jobs: [reminder], startMs: 0 })
    await jobs.send('test/go', {})
    const [run] = await finish()
    expect(said).toEqual([
      ['first', 0],
      ['second', 30 * DAY],
    ])
    expect(run).toMatchObject({ status: 'completed', createdAt: 0, endedAt: 30 * DAY })
  })

  it('stops where it is told to', async () => {
    const nap = defineJob({ id: 'nap', triggers: go }, ({ step }) => step.sleep('a day', '1d'))
    const { jobs, advance, clock } = await start({ jobs: [nap], startMs: 0 })
    await jobs.send('test/go', {}, { id: 'e' })
    await advance('23h')
    expect([clock.now(), (await jobs.run('e.nap'))?.status]).toEqual([23 * HOUR, 'waiting'])
    await advance('1h')
    expect([clock.now(), (await jobs.run('e.nap'))?.status]).toEqual([DAY, 'completed'])
  })

  it('starts what has a schedule, once for each occurrence', async () => {
    const nightly = defineJob({ id: 'nightly', triggers: [{ cron: '0 2 * * *', timezone: 'Europe/Berlin' }] }, () => {})
    // 2026-03-29: the clocks of Berlin go from 2 to 3.
    const { finish } = await start({ jobs: [nightly], startMs: Date.UTC(2026, 2, 27, 12) })
    const runs = await finish({ within: '3d' })
    expect(runs.map(({ event }) => new Date(event.ts).toISOString())).toEqual([
      '2026-03-28T01:00:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:00:00.000Z',
    ])
  })

  it('does not pass for a job that is invoked beside a wait, while its payload is being checked', async () => {
    const slowly = z.object({ n: z.number() }).refine(async () => {
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      return true
    })
    const child = defineJob({ id: 'child', triggers: [{ event: 'test/child', schema: slowly }] }, ({ event, step }) =>
      step.sendEvent('tell', { name: 'test/done', data: { n: event.data.n } }),
    )
    const parent = defineJob({ id: 'parent', triggers: go }, async ({ step }) => {
      const wait = step.waitForEvent('done', { event: 'test/done', timeout: '7d' })
      await step.invoke('child', child, { data: { n: 1 } })
      return (await wait)?.data
    })
    const jobs = createJobs({
      jobs: [parent, child],
      events: ['test/done'],
      driver: embedded({ store: memoryStore(), pollMs: 10 }),
    })
    await jobs.start()
    await jobs.send('test/go', {}, { id: 'e' })
    await expect
      .poll(() => jobs.run('e.parent'), { timeout: 10_000 })
      .toMatchObject({ status: 'completed', result: { n: 1 } })
    await jobs.close()
  })

  it('is shared: what is quick and plenty leaves everything else its turn', async () => {
    const quick = defineJob({ id: 'quick', triggers: go }, ({ step }) => step.run('one', () => 1))
    const jobs = createJobs({ jobs: [quick], driver: embedded({ store: memoryStore() }) })
    await jobs.sendMany(Array.from({ length: 1000 }, () => ({ name: 'test/go', data: {} })))
    let turns = 0
    let counting = true
    const count = (): void => {
      turns += 1
      if (counting) setImmediate(count)
    }
    setImmediate(count)
    await jobs.start()
    while ((await jobs.depth()).some(({ queued, running, waiting }) => queued + running + waiting > 0)) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    counting = false
    expect(turns).toBeGreaterThan(10)
    await jobs.close()
  })
})

describe('operating', () => {
  const shaky = (fail: { now: boolean }, ran: string[]) =>
    defineJob({ id: 'shaky', triggers: go, attempts: 2 }, async ({ step }) => {
      await step.run('a', () => void ran.push('a'), { rollback: () => void ran.push('undo a') })
      await step.run('b', () => void ran.push('b'))
      await step.run('c', () => {
        ran.push('c')
        if (fail.now) throw new NonRetriableError('no')
      })
      return 'done'
    })

  it('lists what failed for good, and replays it from a step', async () => {
    const fail = { now: true }
    const ran: string[] = []
    const { jobs, finish } = await start({ jobs: [shaky(fail, ran)] })
    await jobs.send('test/go', {}, { id: 'e' })
    await finish()
    const [dead] = await jobs.deadLetters()
    expect([dead?.id, dead?.error?.message]).toEqual(['e.shaky', 'no'])
    fail.now = false
    ran.length = 0
    const { id } = await jobs.replay('e.shaky', { fromStep: 'c' })
    await finish()
    // What was rolled back is done again; what was not is kept.
    expect(ran).toEqual(['a', 'c'])
    expect(await jobs.run(id)).toMatchObject({ status: 'completed', result: 'done', replayOf: 'e.shaky' })
    expect(await jobs.deadLetters()).toHaveLength(1)
  })

  it('says of an event’s run what its last attempt failed with, while it is still tried', async () => {
    const flaky = defineJob({ id: 'flaky', triggers: go, attempts: 3, backoff: () => 60_000 }, ({ step }) =>
      step.run('call', () => {
        throw new Error('down: Bearer abcdefghijklmnop')
      }),
    )
    const { jobs, advance, finish } = await start({ jobs: [flaky] })
    await jobs.send('test/go', {}, { id: 'e' })
    await advance('1s')
    const [run] = await jobs.runs({ eventId: 'e' })
    expect(run).toMatchObject({
      status: 'waiting',
      error: { message: expect.stringContaining('down') },
      steps: [{ attempts: 1 }],
    })
    expect(JSON.stringify(run)).not.toContain('abcdefghijklmnop')
    await finish()
    expect(await jobs.runs({ eventId: 'e' })).toMatchObject([
      { status: 'failed', error: { message: expect.stringContaining('down') } },
    ])
  })

  it('finds exactly the runs that an event has started, however ids and steps are called', async () => {
    const child = defineJob({ id: 'child', triggers: [{ event: 'test/child' }] }, () => 'done')
    const parent = defineJob({ id: 'parent', triggers: go }, ({ step }) => step.invoke('x.child', child, { data: {} }))
    const other = defineJob({ id: 'other', triggers: go }, () => 'done')
    const { jobs, finish } = await start({ jobs: [parent, other, child] })
    await jobs.send('test/go', {}, { id: 'a' })
    await jobs.send('test/go', {}, { id: 'a.parent~b' })
    // Its run would have the id of the one that the first has invoked, were the step's name taken as it is.
    await jobs.send('test/child', {}, { id: 'a.parent/x' })
    await finish()
    const found = async (eventId: string): Promise<string[]> =>
      (await jobs.runs({ eventId })).map(({ id }) => id).toSorted()
    expect(await found('a')).toEqual(['a.other', 'a.parent'])
    expect(await found('a.parent~b')).toEqual(['a.parent~b.other', 'a.parent~b.parent'])
    expect(await found('a.parent/x')).toEqual(['a.parent/x.child'])
    const { id } = await jobs.replay('a.parent')
    await finish()
    expect(await found('a')).toEqual(['a.other', 'a.parent', id])
  })

  it.each([undefined, '', 5, 'a\u0000b', 'x'.repeat(201)])('lists nobody’s runs for the event %j', async (eventId) => {
    const { jobs } = await start({ jobs: [shaky({ now: false }, [])] })
    await jobs.send('test/go', {})
    await expect(jobs.runs({ eventId: eventId as never })).rejects.toMatchObject({ code: 'JOB_ARGUMENT_INVALID' })
  })

  it('does not say that there are no runs while its store is away', async () => {
    const store = memoryStore()
    const away = { ...store, list: () => Promise.reject(new DriverError('memory', 'away', { retryable: true })) }
    const jobs = createJobs({ jobs: [shaky({ now: false }, [])], driver: embedded({ store: away }) })
    await expect(jobs.runs({ eventId: 'e' })).rejects.toMatchObject({
      name: 'UnavailableError',
      code: 'JOBS_UNAVAILABLE',
    })
    await jobs.close()
  })

  it('refuses to replay what there is not, what goes on, and from a step that there was not', async () => {
    const nap = defineJob({ id: 'nap', triggers: go }, ({ step }) => step.sleep('a day', '1d'))
    const { jobs, advance, finish } = await start({ jobs: [nap] })
    await expect(jobs.replay('nobody')).rejects.toMatchObject({ code: 'JOB_RUN_UNKNOWN' })
    await jobs.send('test/go', {}, { id: 'e' })
    await advance('1h')
    await expect(jobs.replay('e.nap')).rejects.toMatchObject({ code: 'JOB_RUN_OPEN' })
    await finish()
    await expect(jobs.replay('e.nap', { fromStep: 'no' })).rejects.toMatchObject({ code: 'JOB_STEP_UNKNOWN' })
    expect(await jobs.runs()).toHaveLength(1)
  })

  it('pauses one job, says what is queued and since when, and goes on', async () => {
    const ran: string[] = []
    const job = (id: string) => defineJob({ id, triggers: go }, () => void ran.push(id))
    const { jobs, advance, finish } = await start({ jobs: [job('one'), job('two')], startMs: 5000 })
    await jobs.pause('one')
    await jobs.send('test/go', {})
    await advance('1h')
    expect(ran).toEqual(['two'])
    expect(await jobs.depth()).toMatchObject([{ job: 'one', queued: 1, oldestQueuedAt: 5000, paused: true }])
    await jobs.resume('one')
    await finish()
    expect(ran).toEqual(['two', 'one'])
    await expect(jobs.pause('three')).rejects.toMatchObject({ name: 'ConfigError' })
  })

  it('cancels a run that sleeps, rolls nothing back, and says false the second time', async () => {
    const ran: string[] = []
    const nap = defineJob({ id: 'nap', triggers: go }, async ({ step }) => {
      await step.run('a', () => void ran.push('a'), { rollback: () => void ran.push('undo a') })
      await step.sleep('a day', '1d')
      await step.run('b', () => void ran.push('b'))
    })
    const { jobs, advance, finish } = await start({ jobs: [nap] })
    await jobs.send('test/go', {}, { id: 'e' })
    await advance('1h')
    expect([await jobs.cancel('e.nap'), await jobs.cancel('e.nap'), await jobs.cancel('nobody')]).toEqual([
      true,
      false,
      false,
    ])
    expect((await finish()).map(({ status }) => status)).toEqual(['cancelled'])
    expect(ran).toEqual(['a'])
  })

  it('deletes history by its policy: what failed stays longer', async () => {
    const job = defineJob<{ fails: boolean }>({ id: 'job', triggers: go }, ({ event }) => {
      if (event.data.fails) throw new NonRetriableError('no')
    })
    const clock = createManualClock(0)
    const driver = embedded({
      store: memoryStore(),
      clock,
      pollMs: 600_000,
      leaseMs: 3_600_000,
      retention: { completed: '1d', failed: '7d' },
    })
    const jobs = createJobs({ jobs: [job], driver, clock, onError: () => {} })
    await jobs.start()
    const statuses = async (): Promise<string[]> => (await jobs.runs()).map(({ status }) => status).toSorted()
    for (const fails of [true, false, true]) await jobs.send('test/go', { fails })
    await clock.advance(23 * HOUR)
    expect(await statuses()).toEqual(['completed', 'failed', 'failed'])
    await clock.advance(2 * HOUR)
    expect(await statuses()).toEqual(['failed', 'failed'])
    await clock.advance(7 * DAY)
    expect(await statuses()).toEqual([])
    await jobs.close()
    expect(clock.pending).toBe(0)
  })
})

describe('bad input', () => {
  const typed = defineEvent('test/typed', z.object({ email: z.email() }))
  const job = defineJob({ id: 'job', triggers: [typed] }, () => {})
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic

  it.each([
    ['an event that no job listens to', 'test/none', {}, {}, 'JOB_EVENT_UNKNOWN'],
    ['data that is not valid', 'test/typed', { email: 'no' }, {}, 'VALIDATION_FAILED'],
    [
      'data of more than 512 KiB',
      'test/typed',
      { email: 'a@b.co', text: 'x'.repeat(524_288) },
      {},
      'JOB_EVENT_TOO_LARGE',
    ],
    ['so many bytes in fewer characters', 'test/typed', { text: '€'.repeat(200_000) }, {}, 'JOB_EVENT_TOO_LARGE'],
    ['data without a form as JSON', 'test/typed', cyclic, {}, 'JOB_EVENT_INVALID'],
    ['a number that JSON has not', 'test/typed', { n: 1n }, {}, 'JOB_EVENT_INVALID'],
    ['an empty id', 'test/typed', { email: 'a@b.co' }, { id: '' }, 'JOB_ARGUMENT_INVALID'],
    ['an id with a line break', 'test/typed', { email: 'a@b.co' }, { id: 'a\nb' }, 'JOB_ARGUMENT_INVALID'],
    ['a time that is none', 'test/typed', { email: 'a@b.co' }, { ts: Number.NaN }, 'JOB_ARGUMENT_INVALID'],
    [
      'a transaction that the store can not join',
      'test/typed',
      { email: 'a@b.co' },
      { transaction: {} },
      'JOBS_NOT_TRANSACTIONAL',
    ],
  ])('%s is refused in words, and nothing is stored', async (_what, name, data, options, code) => {
    const { jobs } = await start({ jobs: [job] })
    const sent = jobs.send<unknown>(name, data, options)
    await expect(sent).rejects.toMatchObject({ code })
    await expect(sent).rejects.toThrow(/\[msc\/jobs\]|is not valid/)
    expect(await jobs.runs()).toEqual([])
  })

  it('of one event refuses all that are sent with it', async () => {
    const { jobs } = await start({ jobs: [job] })
    const events = [
      { name: 'test/typed', data: { email: 'a@b.co' } },
      { name: 'test/typed', data: { email: 'no' } },
    ]
    await expect(jobs.sendMany(events)).rejects.toMatchObject({ name: 'ValidationError' })
    expect(await jobs.runs()).toEqual([])
  })

  it('is two jobs of one id, and a job that could never be', () => {
    const driver = embedded({ store: memoryStore() })
    expect(() => createJobs({ jobs: [job, job], driver })).toThrow(expect.objectContaining({ code: 'JOB_DUPLICATE' }))
    const define = (options: object) => () => defineJob({ id: 'x', triggers: go, ...options }, () => {})
    for (const options of [
      { id: 'No Spaces' },
      { triggers: [] },
      { triggers: [{ event: '' }] },
      { triggers: [{ cron: '99 * * * *' }] },
      { attempts: 0 },
      { attempts: 2.5 },
      { concurrency: { limit: 0 } },
      { concurrency: [{ limit: 1 }, { limit: 1 }, { limit: 1 }] },
      { concurrency: { limit: 1, key: 'data..x' } },
      { throttle: { limit: 1, period: 0 } },
      { debounce: { period: '1s' }, batch: { size: 2, timeout: '1s' } },
      { batch: { size: 101, timeout: '1s' } },
      { priority: 601 },
      { idempotencyKey: 'event.data' },
    ]) {
      expect([options, define(options)]).toEqual([options, expect.any(Function)])
      expect(define(options)).toThrow(expect.objectContaining({ name: 'ConfigError' }))
    }
  })
})

describe('the service', () => {
  const job = defineJob({ id: 'quick', triggers: go }, () => {})
  const silent = { debug() {}, info() {}, warn() {}, error() {} }

  it('is closed for good, and says so', async () => {
    const jobs = createJobs({ jobs: [job], driver: embedded({ store: memoryStore() }), log: silent })
    await jobs.start()
    await jobs.close()
    const closed = expect.objectContaining({ code: 'JOBS_CLOSED' })
    await expect(jobs.send('test/go', {})).rejects.toEqual(closed)
    await expect(jobs.sendMany([])).rejects.toEqual(closed)
    await expect(jobs.start()).rejects.toEqual(closed)
    await expect(jobs.runs()).rejects.toEqual(closed)
    expect(await jobs.health()).toMatchObject({ status: 'down', code: 'JOBS_CLOSED' })
  })

  it('that is closed while it starts leaves nothing behind', async () => {
    const listening = gate()
    const store = memoryStore()
    let listeners = 0
    const subscribe = async () => {
      await listening.promise
      listeners += 1
      return async () => void (listeners -= 1)
    }
    const jobs = createJobs({ jobs: [job], driver: embedded({ store: { ...store, subscribe } }), log: silent })
    const starting = jobs.start()
    const closing = jobs.close()
    listening.open()
    await Promise.all([starting, closing])
    expect(listeners).toBe(0)
  })

  it('can be started again when the store was away', async () => {
    const store = memoryStore()
    let away = true
    const owners = async () => (away ? Promise.reject(new Error('The store is away.')) : store.owners())
    const done = gate()
    const told = defineJob({ id: 'told', triggers: go }, () => done.open())
    let claims = 0
    const claim: typeof store.claim = (...args) => {
      claims += 1
      return store.claim(...args)
    }
    const jobs = createJobs({ jobs: [told], driver: embedded({ store: { ...store, owners, claim } }), log: silent })
    await expect(jobs.start()).rejects.toThrow('The store is away.')
    // Nobody would renew the lease of what it claimed.
    await jobs.send('test/go', {})
    expect(claims).toBe(0)
    away = false
    await jobs.start()
    await jobs.send('test/go', {})
    await done.promise
    await jobs.close()
  })

  it('survives a driver whose `bind` rejects, and reports it', async () => {
    const reported: string[] = []
    const driver = { ...embedded({ store: memoryStore() }), bind: async () => Promise.reject(new Error('unbound')) }
    const onError = (error: Error, { operation }: { readonly operation: string }) =>
      void reported.push(`${operation}: ${error.message}`)
    const jobs = createJobs({ jobs: [], driver, log: silent, onError })
    await jobs.close()
    expect(reported).toEqual(['bind: unbound'])
  })

  it('works for nobody in particular, whoever started it or sent to it', async () => {
    const users: (string | undefined)[] = []
    const store = memoryStore()
    const watched = {
      ...store,
      claim: (...args: Parameters<typeof store.claim>) => {
        users.push(currentContext()?.userId)
        return store.claim(...args)
      },
    }
    const jobs = createJobs({ jobs: [job], driver: embedded({ store: watched }), log: silent })
    await withUnit({ trace: newTrace(), userId: 'ana' }, () => jobs.start())
    await withUnit({ trace: newTrace(), userId: 'ben' }, () => jobs.send('test/go', {}))
    await jobs.close()
    expect(users.length).toBeGreaterThan(0)
    expect(new Set(users)).toEqual(new Set([undefined]))
  })
})

describe('a schedule', () => {
  it('goes on when the clock is set back by a year, and repeats nothing that ran', async () => {
    const clock = createManualClock(Date.UTC(2026, 5, 1, 12))
    let offset = 0
    const wall = { ...clock, now: () => clock.now() + offset, setTimeout: clock.setTimeout }
    const each = defineJob({ id: 'each-minute', triggers: [{ cron: '* * * * *' }] }, () => {})
    const driver = embedded({ store: memoryStore({ keep: Infinity }), clock: wall })
    const jobs = createJobs({
      jobs: [each],
      driver,
      clock: wall,
      log: { debug() {}, info() {}, warn() {}, error() {} },
    })
    await jobs.start()
    for (let second = 0; second < 130; second += 10) await clock.advance(10_000)
    const before = (await jobs.runs()).length
    expect(before).toBe(2)
    offset = -365 * DAY
    for (let second = 0; second < 250; second += 10) await clock.advance(10_000)
    const runs = await jobs.runs()
    expect(runs.length - before).toBeGreaterThanOrEqual(3)
    expect(new Set(runs.map(({ event }) => event.ts)).size).toBe(runs.length)
    await jobs.close()
  })
})

function gate() {
  let open!: () => void
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open }
}
