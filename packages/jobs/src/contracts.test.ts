import { describe, expect, it } from 'vitest'
import { createJobs } from './create-jobs.ts'
import { createJobsFromEnv } from './default-jobs.ts'
import { defineJob } from './define-job.ts'
import { embedded } from './drivers/embedded.ts'
import { payment, type PlatformPorts } from './platform/index.ts'
import { memoryStore } from './stores/memory.ts'
import { createTestJobs } from './testing/test-jobs.ts'

describe('what the engine is given', () => {
  it.each([
    ['without a method', { name: 'x' }, '`store` does not implement gates, enqueue, claim, write, writeAndClaim'],
    ['with a method that is none', { ...memoryStore(), prune: 1 }, '`store` does not implement prune.'],
    ['with an optional method that is none', { ...memoryStore(), subscribe: 1 }, 'does not implement subscribe.'],
    ['without a name', { ...memoryStore(), name: '' }, '`store` has no name'],
  ])('is no store %s', (_how, store, words) => {
    expect(() => embedded({ store: store as never })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(words) }),
    )
  })

  it.each(['concurrency', 'leaseMs', 'pollMs'])('says that %s is no number', (name) => {
    expect(() => embedded({ store: memoryStore(), [name]: Number.NaN })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(name) }),
    )
  })

  it('is not charged through a port that could not give the money back', () => {
    const billing = { charge: async () => ({ id: 'c', amount: 1 }) }
    const payments = { isOpen: async () => true, markPaid: async () => 1, markFailed: async () => 1 }
    expect(() => payment({ billing, payments } as unknown as PlatformPorts)).toThrow(
      expect.objectContaining({
        code: 'OPTION_INVALID',
        message: '[msc/jobs] `ports.billing` does not implement refund.',
      }),
    )
  })
})

describe('a step', () => {
  it.each<[string, unknown]>([
    ['the date of a text that is none', new Date('soon')],
    ['no number', Number.NaN],
    ['a time without end', Number.POSITIVE_INFINITY],
    ['a text', '2026-01-01'],
    ['nothing', undefined],
  ])('does not sleep until %s', async (_what, time) => {
    const nap = defineJob({ id: 'nap', triggers: [{ event: 'test/go' }], attempts: 1 }, ({ step }) =>
      step.sleepUntil('then', time as Date),
    )
    const { jobs, finish, close } = await createTestJobs({ jobs: [nap] })
    await jobs.send('test/go', {})
    expect(await finish()).toMatchObject([{ status: 'failed', error: { name: 'ValidationError' } }])
    await close()
  })

  it.each<[string, unknown]>([
    ['no number', Number.NaN],
    ['less than nothing', -1],
    ['without end', Number.POSITIVE_INFINITY],
    ['longer than a date can say', 1e300],
    ['a text that is no duration', 'soon'],
    ['nothing', undefined],
  ])('does not sleep for a time that is %s', async (_what, time) => {
    const nap = defineJob({ id: 'nap', triggers: [{ event: 'test/go' }], attempts: 1 }, ({ step }) =>
      step.sleep('a while', time as number),
    )
    const { jobs, finish, close } = await createTestJobs({ jobs: [nap] })
    await jobs.send('test/go', {})
    expect(await finish()).toMatchObject([{ status: 'failed', error: { name: 'ValidationError' } }])
    await close()
  })
})

describe('what a caller without types passes', () => {
  const bare = (options: unknown) => () => defineJob(options as never, () => undefined)

  it.each([
    ['a name as a trigger', { id: 'job', triggers: ['release/submitted'] }, 'JOB_OPTION_INVALID'],
    ['`event` in place of triggers', { id: 'job', event: 'release/submitted' }, 'JOB_OPTION_INVALID'],
    ['null as a trigger', { id: 'job', triggers: [null] }, 'JOB_OPTION_INVALID'],
    ['no id', { triggers: [{ event: 'release/submitted' }] }, 'JOB_ID_INVALID'],
  ])('is refused with what to pass: %s', (_what, options, code) => {
    expect(bare(options)).toThrow(expect.objectContaining({ code, hint: expect.any(String) }))
  })

  it.each([{ jobs: undefined }, { jobs: {} }, { jobs: [{}] }, { jobs: [null] }, { jobs: 'renewal' }])(
    'is refused where jobs are expected: %j',
    ({ jobs }) => {
      const driver = embedded({ store: memoryStore() })
      const refusal = expect.objectContaining({ code: 'OPTION_INVALID', hint: expect.stringContaining('defineJob') })
      expect(() => createJobs({ driver, jobs: jobs as never })).toThrow(refusal)
      expect(() => createJobsFromEnv({ jobs: jobs as never }, {})).toThrow(refusal)
    },
  )
})
