import { sleep } from '@msc/core'
import type { JobContext } from '../context.ts'
import { defineEvent, defineJob, type JobOptions } from '../define-job.ts'
import { NonRetriableError, RetryAfterError } from '../errors.ts'
import type { Harness } from './harness.ts'

/** What a job does, and the trace that it must leave on every driver. */
export interface Scenario {
  readonly name: string
  run(harness: Harness): Promise<void>
  /** Lines as they were said; of `unordered` scenarios, sorted. */
  readonly trace: readonly string[]
  readonly unordered?: true
  /** `job status result-or-message` of each run that ended. */
  readonly ends: readonly string[]
}

const triggers = [{ event: 'test/go' }]
const backoff = (): number => 1000

/** What the events of the scenarios may carry. */
interface Data {
  readonly id: string
  readonly n: number
  readonly version: number
  readonly from: number
}
type Options = { readonly [Key in keyof JobOptions<Data>]?: JobOptions<Data>[Key] | undefined }
type Handler = (context: JobContext<Data>) => unknown

const job = (handler: Handler, options: Options = {}, id = 'job') =>
  defineJob({ id, triggers, backoff, ...options } as JobOptions<Data>, handler)

/** One job, one event, to its end. */
function single(
  name: string,
  handler: (harness: Harness) => Handler,
  expected: Omit<Scenario, 'name' | 'run'>,
  options: Options | ((harness: Harness) => Options) = {},
  data: unknown = {},
): Scenario {
  return {
    name,
    ...expected,
    async run(harness) {
      const own = typeof options === 'function' ? options(harness) : options
      const jobs = await harness.start(job(handler(harness), own))
      await jobs.send('test/go', data)
      await harness.ended(1)
    },
  }
}

const failing = (message = 'broken'): never => {
  throw new Error(message)
}

const PAID = defineEvent<{ id: string; amount: number }>('test/paid')

export const scenarios: readonly Scenario[] = [
  single(
    'a step has fewer attempts than the job',
    ({ say }) =>
      async ({ step }) => {
        try {
          await step.run('once', () => (say('once'), failing()), { attempts: 1 })
        } catch (error) {
          await step.run('say', () => say(`caught ${(error as Error).message}`))
        }
        await step.run('twice', () => (say('twice'), failing('again')), { attempts: 2 })
      },
    { trace: ['once', 'caught broken', 'twice', 'twice'], ends: ['job failed again'] },
  ),
  single(
    'a step that takes too long has failed',
    ({ say }) =>
      async ({ step }) => {
        await step.run(
          'slow',
          async ({ signal, attempt }: { signal: AbortSignal; attempt: number }) => {
            say(`attempt ${attempt}`)
            if (attempt === 1)
              await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
          },
          { timeout: '1s' },
        )
        say('through')
      },
    { trace: ['attempt 1', 'attempt 2', 'through'], ends: ['job completed null'] },
  ),
  single(
    'a race is won by the step that ends first',
    ({ say }) =>
      async ({ step }) => {
        const winner = await Promise.race([
          step.run('fast', () => (say('fast'), 'fast')),
          step.sleep('slow', '30s').then(() => 'slow'),
        ])
        return step.run('after', () => (say(`after ${winner}`), winner))
      },
    { trace: ['fast', 'after fast'], ends: ['job completed "fast"'] },
  ),
  {
    name: 'a job invokes another, which invokes a third',
    trace: ['outer', 'middle 1', 'inner 2', 'back 6'],
    ends: ['inner completed 6', 'middle completed 6', 'job completed 6'],
    async run(harness) {
      const { say } = harness
      const inner = defineJob<{ n: number }, number>(
        { id: 'inner', triggers: [{ event: 'x/inner' }] },
        ({ event, step }) => step.run('multiply', () => (say(`inner ${event.data.n}`), event.data.n * 3)),
      )
      const middle = defineJob<{ n: number }, number>(
        { id: 'middle', triggers: [{ event: 'x/middle' }] },
        async ({ event, step }) => {
          await step.run('say', () => say(`middle ${event.data.n}`))
          return step.invoke('inner', inner, { data: { n: event.data.n + 1 } })
        },
      )
      const outer = job(async ({ step }) => {
        await step.run('say', () => say('outer'))
        const result = await step.invoke('middle', middle, { data: { n: 1 } })
        await step.run('back', () => say(`back ${result}`))
        return result
      })
      const jobs = await harness.start(outer, middle, inner)
      await jobs.send('test/go', {})
      await harness.ended(3)
    },
  },
  {
    name: 'a job that is invoked and fails is an error of the step, to catch',
    trace: ['inner', 'caught no such artist'],
    ends: ['inner failed no such artist', 'job completed null'],
    async run(harness) {
      const { say } = harness
      const inner = defineJob({ id: 'inner', triggers: [{ event: 'x/inner' }] }, ({ step }) =>
        step.run('look', () => {
          say('inner')
          throw new NonRetriableError('no such artist')
        }),
      )
      const outer = job(async ({ step }) => {
        const message = await step.invoke('inner', inner, { data: {} }).catch((error: Error) => error.message)
        await step.run('say', () => say(`caught ${message}`))
      })
      const jobs = await harness.start(outer, inner)
      await jobs.send('test/go', {})
      await harness.ended(2)
    },
  },
  {
    name: 'a wait ends with the event that matches',
    trace: ['asked', 'paid 7'],
    ends: ['job completed {"id":"r1","amount":7}'],
    async run(harness) {
      const { say } = harness
      const asked = signal()
      const jobs = await harness.start(
        job(async ({ step }) => {
          await step.run('ask', () => {
            say('asked')
            asked.resolve()
          })
          const paid = await step.waitForEvent('paid', { event: PAID, match: 'data.id', timeout: '1h' })
          await step.run('say', () => say(`paid ${paid?.data.amount}`))
          return paid?.data
        }),
      )
      await jobs.send('test/go', { id: 'r1' })
      await asked.promise
      // The wait begins a moment after the step has ended.
      await sleep(3000, { clock: harness.clock })
      await jobs.send('test/paid', { id: 'r2', amount: 1 })
      await jobs.send('test/paid', { id: 'r1', amount: 7 })
      await harness.ended(1)
    },
  },
  single(
    'a wait that nothing ends gives null',
    ({ say }) =>
      async ({ step }) => {
        const paid = await step.waitForEvent('paid', { event: 'test/paid', timeout: '2s' })
        await step.run('say', () => say(`paid ${JSON.stringify(paid)}`))
      },
    { trace: ['paid null'], ends: ['job completed null'] },
  ),
  {
    name: 'an event cancels the run that it matches while it sleeps, and no other',
    trace: ['start a', 'start b', 'woke b'],
    ends: ['job completed null'],
    async run(harness) {
      const { say, trace } = harness
      const jobs = await harness.start(
        job(
          async ({ event, step }) => {
            await step.run('start', () => say(`start ${event.data.id}`))
            await step.sleep('nap', '10s')
            await step.run('woke', () => say(`woke ${event.data.id}`))
          },
          { cancelOn: [{ event: 'test/stop', match: 'data.id' }] },
        ),
      )
      await jobs.send('test/go', { id: 'a' })
      await until(() => trace.length === 1)
      await jobs.send('test/go', { id: 'b' })
      await until(() => trace.length === 2)
      await jobs.send('test/stop', { id: 'a' })
      await harness.ended(1)
    },
  },
  {
    name: 'of events that are debounced the latest counts, in whatever order they come',
    trace: ['v3 a', 'v1 b'],
    unordered: true,
    ends: ['job completed null', 'job completed null'],
    async run(harness) {
      const { say, clock } = harness
      const jobs = await harness.start(
        job(({ event, step }) => step.run('say', () => say(`v${event.data.version} ${event.data.id}`)), {
          debounce: { period: '3s', key: 'data.id' },
        }),
      )
      const at = clock.now()
      await jobs.send('test/go', { id: 'a', version: 1 }, { ts: at - 3 })
      await jobs.send('test/go', { id: 'a', version: 3 }, { ts: at - 1 })
      await jobs.send('test/go', { id: 'a', version: 2 }, { ts: at - 2 })
      await jobs.send('test/go', { id: 'b', version: 1 }, { ts: at - 1 })
      await harness.ended(2)
    },
  },
  {
    name: 'a batch starts when it is full, and when its time has come',
    trace: ['1+2+3 a', '4 a', '9 b'],
    unordered: true,
    ends: ['job completed null', 'job completed null', 'job completed null'],
    async run(harness) {
      const { say } = harness
      const jobs = await harness.start(
        job(
          ({ events, step }) =>
            step.run('say', () => say(`${events.map(({ data }) => data.n).join('+')} ${events[0]?.data.id}`)),
          { batch: { size: 3, timeout: '3s', key: 'data.id' } },
        ),
      )
      await jobs.send('test/go', { id: 'b', n: 9 })
      for (const n of [1, 2, 3, 4]) await jobs.send('test/go', { id: 'a', n })
      await harness.ended(3)
    },
  },
  {
    name: 'events with one idempotency key start one run',
    trace: ['go a', 'go b'],
    ends: ['job completed null', 'job completed null'],
    async run(harness) {
      const { say } = harness
      const jobs = await harness.start(
        job(({ event, step }) => step.run('say', () => say(`go ${event.data.id}`)), { idempotencyKey: 'data.id' }),
      )
      await jobs.send('test/go', { id: 'a' })
      await harness.ended(1)
      await jobs.send('test/go', { id: 'a' })
      await jobs.send('test/go', { id: 'b' })
      await harness.ended(2)
    },
  },
  {
    name: 'a throttle spreads the starts, for each key',
    trace: ['a at 0', 'a at 1', 'a at 2', 'b at 0'],
    unordered: true,
    ends: ['job completed null', 'job completed null', 'job completed null', 'job completed null'],
    async run(harness) {
      const { say, clock } = harness
      const jobs = await harness.start(
        job(
          ({ event, step }) =>
            step.run('say', () => say(`${event.data.id} at ${Math.floor((clock.now() - event.data.from) / 4000)}`)),
          { throttle: { limit: 1, period: '4s', key: 'data.id' } },
        ),
      )
      const from = clock.now()
      for (const id of ['a', 'a', 'a', 'b']) await jobs.send('test/go', { id, from })
      await harness.ended(4)
    },
  },
  {
    name: 'no more runs of a key work at once than its limit',
    trace: ['a at most 1', 'b at most 1', 'both at most 2'],
    unordered: true,
    ends: Array.from({ length: 6 }, () => 'job completed null'),
    async run(harness) {
      const { clock, say } = harness
      const now: Record<string, number> = {}
      const most: Record<string, number> = {}
      const two = signal()
      const count = (key: string, by: number): void => {
        now[key] = (now[key] ?? 0) + by
        most[key] = Math.max(most[key] ?? 0, now[key] as number)
      }
      const jobs = await harness.start(
        job(
          ({ event, step }) =>
            step.run('work', async () => {
              count(event.data.id, 1)
              count('both', 1)
              // That two of them meet must not be left to the machine's speed.
              if (now['both'] === 2) two.resolve()
              await two.promise
              await sleep(500, { clock })
              count(event.data.id, -1)
              count('both', -1)
            }),
          { concurrency: { limit: 1, key: 'data.id' } },
        ),
      )
      for (const id of ['a', 'a', 'a', 'b', 'b', 'b']) await jobs.send('test/go', { id })
      await harness.ended(6)
      for (const [key, value] of Object.entries(most)) say(`${key} at most ${value}`)
    },
  },
  {
    name: 'a run of higher priority goes first, whenever it was queued',
    trace: ['first', 'high', 'normal', 'low'],
    ends: Array.from({ length: 4 }, () => 'job completed null'),
    async run(harness) {
      const { say } = harness
      const begun = signal()
      const queued = signal()
      const jobs = await harness.start(
        job(
          ({ event, step }) =>
            step.run('say', async () => {
              say(event.data.id)
              begun.resolve()
              await queued.promise
            }),
          { concurrency: { limit: 1 }, priority: 'data.priority' },
        ),
      )
      await jobs.send('test/go', { id: 'first', priority: 0 })
      await begun.promise
      await jobs.send('test/go', { id: 'low', priority: -500 })
      await jobs.send('test/go', { id: 'normal', priority: 0 })
      await jobs.send('test/go', { id: 'high', priority: 500 })
      // Both have it in their queue by then.
      await sleep(500, { clock: harness.clock })
      queued.resolve()
      await harness.ended(4)
    },
  },
  single(
    'a rollback that fails is tried again, and one that keeps failing does not stop the others',
    ({ say }) => {
      let left = 1
      return async ({ step }) => {
        await step.run('a', () => say('a'), { rollback: () => say('undo a') })
        await step.run('b', () => say('b'), {
          rollback: () => {
            say('undo b')
            failing('stuck')
          },
        })
        await step.run('c', () => say('c'), {
          rollback: () => {
            say('undo c')
            if (left-- > 0) failing('not yet')
          },
        })
        throw new NonRetriableError('no')
      }
    },
    {
      trace: ['a', 'b', 'c', 'undo c', 'undo c', 'undo b', 'undo b', 'undo a'],
      ends: ['job failed no'],
    },
    { attempts: 2 },
  ),
  single(
    'what ran beside a step that failed has its end, and is undone too',
    ({ say, clock }) =>
      async ({ step }) => {
        await Promise.all([
          step.run('slow', () => sleep(1000, { clock }).then(() => say('slow')), { rollback: () => say('undo slow') }),
          step.run('doomed', () => failing('doomed'), { attempts: 1 }),
        ])
      },
    { trace: ['slow', 'undo slow'], ends: ['job failed doomed'] },
  ),
  single(
    'what is retried beside a step that failed has its end, and is undone too',
    ({ say }) => {
      let left = 1
      return async ({ step }) => {
        await Promise.all([
          step.run(
            'flaky',
            () => {
              say('flaky')
              if (left-- > 0) failing('not yet')
            },
            { rollback: () => say('undo flaky') },
          ),
          step.run('doomed', () => failing('doomed'), { attempts: 1 }),
        ])
      }
    },
    { trace: ['flaky', 'flaky', 'undo flaky'], ends: ['job failed doomed'] },
  ),
  single(
    'a handler that catches goes on, and undoes nothing',
    ({ say }) =>
      async ({ step }) => {
        await step.run('reserve', () => say('reserve'), { rollback: () => say('undo reserve') })
        try {
          await step.run('charge', () => failing('declined'), { attempts: 1 })
        } catch {
          await step.run('invoice', () => say('invoice instead'))
        }
        return 'done'
      },
    { trace: ['reserve', 'invoice instead'], ends: ['job completed "done"'] },
  ),
  single(
    'rollbacks go by the order in which steps started, not ended',
    ({ say, clock }) =>
      async ({ step }) => {
        const undo = (id: string) => ({ rollback: () => say(`undo ${id}`) })
        await Promise.all([
          step.run('first', () => sleep(1000, { clock }).then(() => say('first')), undo('first')),
          step.run('second', () => say('second'), undo('second')),
        ])
        await step.run('third', () => say('third'), undo('third'))
        throw new NonRetriableError('no')
      },
    { trace: ['second', 'first', 'third', 'undo third', 'undo second', 'undo first'], ends: ['job failed no'] },
  ),
  single(
    'a map runs a step for each item, so many at a time',
    ({ say, clock }) =>
      async ({ step }) => {
        let working = 0
        let most = 0
        const lengths = await step.map(
          'measure',
          ['a', 'bb', 'ccc', 'dddd'],
          async (title: string) => {
            most = Math.max(most, ++working)
            await sleep(300, { clock })
            working -= 1
            return title.length
          },
          { concurrency: 2 },
        )
        await step.run('say', () => say(lengths.join()))
        return lengths
      },
    { trace: ['1,2,3,4'], ends: ['job completed [1,2,3,4]'] },
  ),
  single(
    'a run that takes longer than its timeout fails for good, and is undone',
    ({ say }) =>
      async ({ step }) => {
        await step.run('a', () => say('a'), { rollback: () => say('undo a') })
        await step.sleep('long', '1h')
        say('never')
      },
    { trace: ['a', 'undo a'], ends: ['job failed [msc/jobs] job has taken longer than its timeout of 3000 ms.'] },
    { timeout: '3s' },
  ),
  single(
    'an error can say when to try again',
    ({ say, clock }) => {
      let failedAt = 0
      return async ({ step }) => {
        await step.run('limited', () => {
          if (failedAt === 0) {
            failedAt = clock.now()
            say('limited')
            throw new RetryAfterError('slow down', 4000)
          }
          say(clock.now() - failedAt >= 2500 ? 'later' : 'too soon')
        })
      }
    },
    { trace: ['limited', 'later'], ends: ['job completed null'] },
    { backoff: undefined },
  ),
  {
    name: 'an event of a time to come starts its run then',
    trace: ['in time'],
    ends: ['job completed null'],
    async run(harness) {
      const { say, clock } = harness
      const ts = clock.now() + 5000
      const jobs = await harness.start(
        job(({ step }) => step.run('say', () => say(clock.now() >= ts - 500 ? 'in time' : 'too soon'))),
      )
      await jobs.send('test/go', {}, { ts })
      await harness.ended(1)
    },
  },
  single(
    'sleepUntil wakes at the time named',
    ({ say, clock }) => {
      const at = clock.now() + 5000
      return async ({ step }) => {
        await step.sleepUntil('until', new Date(at))
        await step.run('say', () => say(clock.now() >= at - 500 ? 'awake' : 'too soon'))
      }
    },
    { trace: ['awake'], ends: ['job completed null'] },
  ),
  {
    name: 'a handler’s log says each line once, however often it is replayed',
    trace: ['first', 'last'],
    ends: ['job completed null'],
    async run(harness) {
      const { say } = harness
      const jobs = await harness.start(
        job(async ({ step, log }) => {
          log.info('begun')
          await step.run('a', () => 1)
          log.info('between')
          await step.sleep('nap', '2s')
          log.info('awake')
          await step.run('b', () => 2)
          log.info('done')
        }),
      )
      await jobs.send('test/go', {})
      await harness.ended(1)
      say(harness.logged[0] === 'begun' ? 'first' : String(harness.logged))
      say(harness.logged.join() === 'begun,between,awake,done' ? 'last' : String(harness.logged))
    },
  },
  single(
    'data that is no object arrives as it was sent',
    ({ say }) =>
      async ({ event, step }) => {
        await step.run('say', () => say(JSON.stringify(event.data)))
      },
    { trace: ['[1,"two",null]'], ends: ['job completed null'] },
    {},
    [1, 'two', null],
  ),
  single(
    'an id that looks like a number of another is a step of its own',
    ({ say }) =>
      async ({ step }) => {
        for (const id of ['a', 'a:1', 'a', 'a']) await step.run(id, () => say('ran'))
      },
    { trace: ['ran', 'ran', 'ran', 'ran'], ends: ['job completed null'] },
  ),
  single(
    'a step sees which attempt it is, and its error keeps name and message',
    ({ say }) =>
      async ({ step }) => {
        try {
          await step.run('try', ({ attempt }: { attempt: number }) => {
            say(`attempt ${attempt}`)
            throw new TypeError('wrong kind')
          })
        } catch (error) {
          const { name, message } = error as Error
          await step.run('say', () => say(`${name}: ${message}`))
        }
      },
    { trace: ['attempt 1', 'attempt 2', 'TypeError: wrong kind'], ends: ['job completed null'] },
    { attempts: 2 },
  ),
]

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}

/** A promise to resolve from elsewhere. */
function signal(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((each) => (resolve = each))
  return { promise, resolve: () => resolve() }
}
