import { afterEach, expect, it } from 'vitest'
import { defineJob } from './define-job.ts'
import {
  setDefaultJobs,
  triggerAIJob,
  triggerAnalyticsJob,
  triggerDistributionJob,
  triggerEmailJob,
  triggerPaymentJob,
  triggerRenewalJob,
  type TriggerOptions,
} from './index.ts'
import { createTestJobs } from './testing/index.ts'

afterEach(() => setDefaultJobs(undefined))

const triggers: Readonly<Record<string, (options: TriggerOptions) => Promise<{ ids: string[] }>>> = {
  'ai/process': (options) => triggerAIJob('1', 'analyze-lyrics', {}, options),
  'email/send': (options) => triggerEmailJob('1', 'welcome', {}, options),
  'analytics/aggregate': (options) => triggerAnalyticsJob('1', 'daily', options),
  'release/distribute': (options) => triggerDistributionJob('7', ['spotify'], options),
  'payment/process': (options) => triggerPaymentJob('1', '9', 100, options),
  'subscription/renew': (options) => triggerRenewalJob('1', '3', options),
}

it.each(Object.entries(triggers))('%s is one event under an id, however often it is sent', async (event, trigger) => {
  const job = defineJob({ id: 'job', triggers: [{ event }] }, () => 'done')
  const { jobs, finish, close } = await createTestJobs({ jobs: [job] })
  setDefaultJobs(jobs)
  expect(await trigger({ id: 'mine' })).toEqual({ ids: ['mine'] })
  expect(await trigger({ id: 'mine' })).toEqual({ ids: ['mine'] })
  await finish()
  expect(await jobs.runs({ eventId: 'mine' })).toMatchObject([
    { status: 'completed', event: { id: 'mine', name: event } },
  ])
  const { ids } = await trigger({})
  expect(await jobs.runs({ eventId: ids[0] as string })).toHaveLength(1)
  await close()
})
