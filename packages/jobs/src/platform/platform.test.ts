import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { EventType } from '../define-job.ts'
import { NonRetriableError } from '../errors.ts'
import { createTestJobs, type TestJobs } from '../testing/test-jobs.ts'
import {
  aiProcess,
  analyticsAggregate,
  emailSend,
  paymentProcess,
  platformJobs,
  releaseDistribute,
  subscriptionRenew,
  type PlatformPorts,
} from './index.ts'

const DAY = 86_400_000
let open: TestJobs | undefined

afterEach(async () => {
  await open?.close()
  open = undefined
})

/** Ports that write down what they were asked for; `fail` says which calls fail, and how often. */
function world(fail: Readonly<Record<string, { readonly times?: number; readonly final?: boolean }>> = {}) {
  const said: string[] = []
  const keys = new Map<string, Set<string>>()
  const failed = new Map<string, number>()
  let paidUntil = 0
  const does = async <T>(what: string, value: T, key?: string): Promise<T> => {
    const { times = Infinity, final = false } = fail[what] ?? { times: 0 }
    const before = failed.get(what) ?? 0
    if (key !== undefined) keys.set(what, (keys.get(what) ?? new Set()).add(key))
    if (before < times) {
      failed.set(what, before + 1)
      throw final ? new NonRetriableError(`${what} said no`) : new Error(`${what} is away`)
    }
    said.push(what)
    return value
  }
  const ports: PlatformPorts = {
    ai: {
      'analyze-lyrics': {
        payload: z.string(),
        load: ({ payload }) => (payload === 'gone' ? null : `lyrics ${String(payload)}`),
        process: (input, { key }) => does('process', `${String(input)} analysed`, key),
        store: (_input, output, { key }) => does(`store ${String(output)}`, undefined, key),
        announce: () => ({ userId: 'u', type: 'analysis-ready', title: 'Ready', body: 'Lyrics' }),
      },
    },
    notifier: { notify: ({ type }, { key }) => does(`notify ${type}`, undefined, key) },
    mailer: {
      send: ({ to, type }, { key }) => does(`mail ${type} to ${to.email}`, { messageId: 'm1' }, key),
    },
    users: { recipient: async (userId) => (userId === 'gone' ? null : { email: `${userId}@msc.test` }) },
    analytics: {
      collect: (userId, period) => does(`collect ${userId} ${period}`, { plays: 3 }),
      store: (userId, period, { plays }) => does(`keep ${userId} ${period} ${plays}`, undefined),
    },
    releases: {
      load: async (id) => (id === 'gone' ? null : { id, userId: 'u', title: 'Blue' }),
      markDistributing: () => does('distributing', undefined),
      markDistributed: (_id, deliveries) => does(`distributed ${deliveries.length}`, undefined),
      markUndistributed: () => does('undistributed', undefined),
    },
    distribution: {
      deliver: (_release, platform, { key }) => does(`deliver ${platform}`, { reference: `at-${platform}` }, key),
    },
    billing: {
      charge: ({ amount }, { key }) => does('charge', { id: 'c1', amount }, key),
      refund: ({ id }, { key }) => does(`refund ${id}`, undefined, key),
    },
    payments: {
      isOpen: async () => !said.includes('paid'),
      markPaid: () => does('paid', undefined),
      markFailed: (_id, reason) => does(`unpaid: ${reason}`, undefined),
    },
    subscriptions: {
      due: async (id) => (paidUntil > 0 ? null : { id, userId: 'u', amount: 9.5, paidUntil: 0, renewsUntil: 30 * DAY }),
      async setPaidUntil(_id, until) {
        await does(until === 0 ? 'as before' : 'extend', undefined)
        paidUntil = until
      },
      renewalFailed: (_id, reason) => does(`renewal failed: ${reason}`, undefined),
    },
  }
  return { ports, said, keys }
}

/** Sends one event to all six jobs, and goes on until they have nothing left to do. */
async function run<Data>(ports: PlatformPorts, event: EventType<Data>, data: NoInfer<Data>) {
  open = await createTestJobs({ jobs: platformJobs(ports) })
  await open.jobs.send(event, data)
  return open.finish()
}

const statusOf = (runs: Awaited<ReturnType<TestJobs['finish']>>): [string, string][] =>
  runs.map(({ job, status }) => [job, status])

describe('ai-processing', () => {
  const task = { userId: 'u', taskType: 'analyze-lyrics', payload: 'l1' } as const

  it('loads, processes, stores and tells', async () => {
    const { ports, said } = world()
    const [first] = await run(ports, aiProcess, task)
    expect(first?.status).toBe('completed')
    expect(said).toEqual(['process', 'store lyrics l1 analysed', 'notify analysis-ready'])
  })

  it('tells nobody of what came too late to be kept', async () => {
    const { ports, said } = world()
    const late = { ...ports.ai['analyze-lyrics'], store: async () => false } as NonNullable<
      PlatformPorts['ai']['analyze-lyrics']
    >
    const [first] = await run({ ...ports, ai: { 'analyze-lyrics': late } }, aiProcess, task)
    expect(first?.status).toBe('completed')
    expect(said).toEqual(['process'])
  })

  it('asks the model again with the same key when it was away', async () => {
    const { ports, said, keys } = world({ process: { times: 2 } })
    await run(ports, aiProcess, task)
    expect(said[0]).toBe('process')
    expect(keys.get('process')?.size).toBe(1)
  })

  it('gives up at once on what no longer exists', async () => {
    const { ports, said } = world()
    const [first] = await run(ports, aiProcess, { ...task, payload: 'gone' })
    expect([first?.status, first?.steps?.length, said]).toEqual(['failed', 1, []])
  })

  it('is not sent a task that nobody handles, nor one with a payload that its handler can not use', async () => {
    open = await createTestJobs({ jobs: platformJobs(world().ports) })
    await expect(open.jobs.send(aiProcess, { ...task, payload: 7 })).rejects.toMatchObject({
      name: 'ValidationError',
      issues: [{ path: 'payload' }],
    })
    await expect(open.jobs.send(aiProcess, { ...task, taskType: 'generate-artwork' })).rejects.toMatchObject({
      name: 'ValidationError',
    })
    expect(await open.jobs.runs()).toEqual([])
  })
})

describe('email-sender', () => {
  it('sends to whom the user is now', async () => {
    const { ports, said } = world()
    const [first] = await run(ports, emailSend, { userId: 'ada', type: 'welcome' })
    expect([said, first?.result]).toEqual([['mail welcome to ada@msc.test'], { sent: true, messageId: 'm1' }])
  })

  it('sends nothing to a user who is gone', async () => {
    const { ports, said } = world()
    const [first] = await run(ports, emailSend, { userId: 'gone', type: 'welcome' })
    expect([said, first?.result]).toEqual([[], { sent: false }])
  })
})

describe('analytics-aggregator', () => {
  it('collects and keeps the figures of a period', async () => {
    const { ports, said } = world()
    const [first] = await run(ports, analyticsAggregate, { userId: 'u', period: '2026-11' })
    expect([said, first?.result]).toEqual([['collect u 2026-11', 'keep u 2026-11 3'], { plays: 3 }])
  })
})

describe('release-distribution', () => {
  const platforms = ['spotify', 'apple', 'deezer', 'tidal', 'amazon']

  it('delivers to each platform, and says where it is', async () => {
    const { ports, said } = world()
    const runs = await run(ports, releaseDistribute, { releaseId: 'r1', platforms })
    expect(statusOf(runs)).toEqual([
      ['release-distribution', 'completed'],
      ['email-sender', 'completed'],
    ])
    expect(said.filter((line) => line.startsWith('deliver')).toSorted()).toEqual(
      platforms.map((platform) => `deliver ${platform}`).toSorted(),
    )
    expect(said).toContain('distributed 5')
    expect(said).toContain('mail release-approved to u@msc.test')
    expect(said).toContain('notify release-distributed')
  })

  it('leaves it on the others when one platform refuses, and says which', async () => {
    const { ports, said } = world({ 'deliver apple': { final: true } })
    const [first] = await run(ports, releaseDistribute, { releaseId: 'r1', platforms })
    expect(first?.status).toBe('completed')
    expect(first?.result).toMatchObject({
      deliveries: expect.arrayContaining([
        { platform: 'spotify', reference: 'at-spotify' },
        { platform: 'apple', error: 'deliver apple said no' },
      ]),
    })
    expect(said).not.toContain('undistributed')
  })

  it('tries a platform that is away again, with the same key, and delivers to none twice', async () => {
    const { ports, said, keys } = world({ 'deliver tidal': { times: 3 } })
    const [first] = await run(ports, releaseDistribute, { releaseId: 'r1', platforms })
    expect(first?.status).toBe('completed')
    for (const platform of platforms) {
      expect([platform, said.filter((line) => line === `deliver ${platform}`)]).toHaveProperty('1.length', 1)
      expect(keys.get(`deliver ${platform}`)?.size).toBe(1)
    }
  })

  it('has failed, and is as before, when no platform takes it', async () => {
    const { ports, said } = world({ 'deliver spotify': { final: true } })
    const runs = await run(ports, releaseDistribute, { releaseId: 'r1', platforms: ['spotify'] })
    expect(statusOf(runs)).toEqual([['release-distribution', 'failed']])
    expect(said).toEqual(['distributing', 'undistributed'])
  })

  it('is not sent to one platform twice, nor to none', async () => {
    open = await createTestJobs({ jobs: platformJobs(world().ports) })
    for (const list of [['spotify', 'spotify'], []]) {
      await expect(open.jobs.send(releaseDistribute, { releaseId: 'r1', platforms: list })).rejects.toMatchObject({
        name: 'ValidationError',
      })
    }
  })
})

describe('payment', () => {
  const due = { userId: 'u', paymentId: 'p1', amount: 20 }

  it('charges, records and sends the receipt', async () => {
    const { ports, said } = world()
    await run(ports, paymentProcess, due)
    expect(said).toEqual(['charge', 'paid', 'mail payment-received to u@msc.test'])
  })

  it('gives the money back when the payment can not be recorded', async () => {
    const { ports, said } = world({ paid: {} })
    const [first] = await run(ports, paymentProcess, due)
    expect(first?.status).toBe('failed')
    expect(said).toEqual(['charge', 'refund c1', 'unpaid: paid is away'])
  })

  it('gives nothing back when the bank said no', async () => {
    const { ports, said, keys } = world({ charge: { final: true } })
    await run(ports, paymentProcess, due)
    expect(said).toEqual(['unpaid: charge said no'])
    expect(keys.get('charge')?.size).toBe(1)
  })

  it('charges once, however often it is triggered or replayed', async () => {
    const { ports, said } = world()
    open = await createTestJobs({ jobs: platformJobs(ports) })
    await open.jobs.send(paymentProcess, due)
    await open.jobs.send(paymentProcess, due)
    const [first] = await open.finish()
    await open.jobs.replay(first?.id ?? '')
    await open.finish()
    expect(said.filter((line) => line === 'charge')).toHaveLength(1)
  })

  it.each([0, -5, Number.NaN, Infinity])('is not sent an amount of %s', async (amount) => {
    open = await createTestJobs({ jobs: platformJobs(world().ports) })
    await expect(open.jobs.send(paymentProcess, { ...due, amount })).rejects.toMatchObject({ name: 'ValidationError' })
  })
})

describe('subscription-renewal', () => {
  const renewal = { userId: 'u', subscriptionId: 's1' }

  it('charges, extends and sends the invoice', async () => {
    const { ports, said } = world()
    const [first] = await run(ports, subscriptionRenew, renewal)
    expect(said).toEqual(['charge', 'extend', 'mail invoice to u@msc.test'])
    expect(first?.result).toEqual({ renewed: true, chargeId: 'c1', paidUntil: 30 * DAY })
  })

  it('undoes the charge when the period can not be extended', async () => {
    const { ports, said } = world({ extend: {} })
    const [first] = await run(ports, subscriptionRenew, renewal)
    expect(first?.status).toBe('failed')
    expect(said).toEqual(['charge', 'refund c1', 'renewal failed: extend is away'])
  })

  it('undoes the extension, then the charge, and insists when the refund is away too', async () => {
    const { ports, said, keys } = world({ 'refund c1': { times: 3 } })
    open = await createTestJobs({ jobs: platformJobs(ports).filter(({ id }) => id !== 'email-sender') })
    // Nobody listens to `email/send`, so the receipt can not be sent.
    await open.jobs.send(subscriptionRenew, renewal)
    const [first] = await open.finish()
    expect(first?.status).toBe('failed')
    expect(said.slice(0, 4)).toEqual(['charge', 'extend', 'as before', 'refund c1'])
    expect(keys.get('refund c1')?.size).toBe(1)
  })

  it('charges once, however often a cron triggers it', async () => {
    const { ports, said } = world()
    open = await createTestJobs({ jobs: platformJobs(ports) })
    for (let n = 0; n < 5; n++) {
      await open.jobs.send(subscriptionRenew, renewal)
      await open.advance('6h')
    }
    await open.finish()
    expect(said.filter((line) => line === 'charge')).toHaveLength(1)
  })
})
