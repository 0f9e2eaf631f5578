import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createJobs, type Jobs } from '../create-jobs.ts'
import { defineJob } from '../define-job.ts'
import { startInngestServer, type InngestServer, type WireRun } from '../testing/index.ts'
import { inngestFromEnv } from './inngest-from-env.ts'
import { inngest } from './inngest.ts'

const eventKey = 'event-key-0123456789'
const signingKey = `signkey-test-${'0123456789abcdef'.repeat(4)}`
const job = defineJob({ id: 'job', triggers: [{ event: 'test/go' }] }, () => {})

describe('the runs of an event on Inngest', () => {
  let server: InngestServer
  const engines: Jobs[] = []
  beforeAll(async () => {
    server = await startInngestServer({ eventKey, signingKey })
  })
  afterAll(() => server.close())
  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.close()
  })
  const engine = (baseUrl = server.url, key = signingKey): Jobs => {
    const jobs = createJobs({ jobs: [job], timeoutMs: 1000, driver: inngest({ eventKey, signingKey: key, baseUrl }) })
    engines.push(jobs)
    return jobs
  }

  it('are none of an event that nobody has sent, and not to be listed without one', async () => {
    const jobs = engine()
    expect(await jobs.runs({ eventId: 'never' })).toEqual([])
    expect(await jobs.runs({ eventId: '01HWAVEB858VPPX47Z65GR6P6R' })).toEqual([])
    await expect(jobs.runs()).rejects.toMatchObject({ code: 'JOBS_NOT_OBSERVABLE' })
    await expect(jobs.run('01HWAVEB858VPPX47Z65GR6P6R')).rejects.toMatchObject({ code: 'JOBS_NOT_OBSERVABLE' })
    // So does the driver of the environment, whose code is loaded late.
    const lazy = inngestFromEnv({
      INNGEST_EVENT_KEY: eventKey,
      INNGEST_SIGNING_KEY: signingKey,
      INNGEST_BASE_URL: server.url,
    })
    const late = createJobs({ jobs: [job], driver: lazy as NonNullable<typeof lazy> })
    engines.push(late)
    expect(await late.runs({ eventId: 'never' })).toEqual([])
  })

  it.each(['silent', 'error', 'reset', 'garbage'] as const)(
    'are unavailable, and not none, while it is %s',
    async (behaviour) => {
      const jobs = engine()
      server.behaviour = behaviour
      const asked = expect(jobs.runs({ eventId: 'e' })).rejects
      await (behaviour === 'garbage'
        ? asked.toMatchObject({ name: expect.stringMatching(/Error$/) })
        : asked.toMatchObject({ name: 'UnavailableError', code: 'JOBS_UNAVAILABLE', retryable: true }))
      server.behaviour = 'ok'
      expect(await jobs.runs({ eventId: 'e' })).toEqual([])
    },
  )

  it('name the key that is wrong, and show none', async () => {
    const wrong = `signkey-test-${'f'.repeat(64)}`
    const error = await engine(server.url, wrong)
      .runs({ eventId: 'e' })
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'DRIVER_UNAUTHORIZED', hint: expect.stringContaining('INNGEST_SIGNING_KEY') })
    expect(JSON.stringify(error) + String(error)).not.toContain('ffff')
  })
})

it.each([
  [{ status: 'Scheduled' }, 'queued', undefined],
  [{ status: 'RUNNING' }, 'running', undefined],
  [{ status: 'Completed', ended_at: '2026-01-02T00:00:00Z', output: 5 }, 'completed', undefined],
  [
    { status: 'Failed', ended_at: '2026-01-02T00:00:00Z', output: { name: 'TypeError', message: 'no' } },
    'failed',
    'no',
  ],
  [{ status: 'Failed', output: '{"error":{"name":"E","message":"deep"}}' }, 'failed', 'deep'],
  [{ status: 'Failed', output: null }, 'failed', 'The run failed.'],
  [{ status: 'Cancelled', ended_at: '0001-01-01T00:00:00Z' }, 'cancelled', undefined],
  [{ status: 'Paused' }, 'running', undefined],
  [{ ended_at: '2026-01-02T00:00:00Z' }, 'failed', 'The run failed.'],
])('a run that Inngest writes as %j is %s', async (run, status, message) => {
  const id = '01HWAVEB858VPPX47Z65GR6P6R'
  for (const under of [true, false]) {
    const jobs = createJobs({
      jobs: [job],
      driver: inngest({
        eventKey,
        signingKey,
        fetch: async (input) => {
          const { pathname } = new URL(String(input))
          const event = { id: 'own', name: 'test/go', ts: 1, data: { n: 1 } }
          const said = pathname.endsWith('/runs') ? [{ run_id: 'r', ...run }] : event
          return Response.json(under ? { data: said, metadata: {} } : said)
        },
      }),
    })
    const [found] = await jobs.runs({ eventId: id })
    expect(found).toMatchObject({ id: 'r', job: 'job', status, event: { id, name: 'test/go', data: { n: 1 } } })
    expect(found?.error?.message).toBe(message)
    await jobs.close()
  }
})

it('finds an event by the id that another process sent it under, among those of two thousand', async () => {
  const events = Array.from({ length: 2000 }, (_, n) => ({
    internal_id: `01HWAVEB858VPPX47Z65G${String(n).padStart(5, '0')}`,
    id: `e${n}`,
    name: 'test/go',
    ts: 1,
    data: {},
  }))
  let asked = 0
  const jobs = createJobs({
    jobs: [job],
    driver: inngest({
      eventKey,
      signingKey,
      fetch: async (input) => {
        asked += 1
        const { pathname, searchParams } = new URL(String(input))
        if (pathname.endsWith('/runs'))
          return Response.json({ data: [{ run_id: pathname.split('/')[3], status: 'Running' }] })
        if (pathname !== '/v1/events') return Response.json({ data: events[0] })
        const from = events.findIndex((event) => event.internal_id === searchParams.get('cursor')) + 1
        return Response.json({ data: events.slice(from, from + Number(searchParams.get('limit'))) })
      },
    }),
  })
  expect(await jobs.runs({ eventId: 'e250' })).toMatchObject([{ id: '01HWAVEB858VPPX47Z65G00250', status: 'running' }])
  // Not for ever: what is too old is not looked for.
  asked = 0
  expect(await jobs.runs({ eventId: 'e1500' })).toEqual([])
  expect(asked).toBe(10)
  await jobs.close()
})

it('reads fewer events at a time where they are large', async () => {
  const events = Array.from({ length: 300 }, (_, n) => ({
    internal_id: `01HWAVEB858VPPX47Z65G${String(n).padStart(5, '0')}`,
    id: `e${n}`,
    name: 'test/go',
    ts: 1,
    data: { text: 'x'.repeat(250_000) },
  }))
  const limits: number[] = []
  const jobs = createJobs({
    jobs: [job],
    timeoutMs: 20_000,
    driver: inngest({
      eventKey,
      signingKey,
      fetch: async (input) => {
        const { pathname, searchParams } = new URL(String(input))
        if (pathname.endsWith('/runs')) return Response.json({ data: [{ run_id: 'r', status: 'Running' }] })
        if (pathname !== '/v1/events') return Response.json({ data: events[0] })
        limits.push(Number(searchParams.get('limit')))
        const from = events.findIndex((event) => event.internal_id === searchParams.get('cursor')) + 1
        return Response.json({ data: events.slice(from, from + Number(searchParams.get('limit'))) })
      },
    }),
  })
  expect(await jobs.runs({ eventId: 'e60' })).toMatchObject([{ status: 'running' }])
  expect(limits).toEqual([100, 25, 25, 25, 25])
  await jobs.close()
})

it('finds the runs of an event whose first answer was lost, though what this process knows started nothing', async () => {
  const server = await startInngestServer({ eventKey, signingKey })
  let lost = true
  const jobs = createJobs({
    jobs: [job],
    driver: inngest({
      eventKey,
      signingKey,
      baseUrl: server.url,
      fetch: async (input, init) => {
        const answer = await fetch(input, init)
        if (!lost || !String(input).includes('/e/')) return answer
        lost = false
        return Response.json({ error: 'gateway', status: 401 }, { status: 401 })
      },
    }),
  })
  // The SDK tries again by itself.
  await jobs.send('test/go', {}, { id: 'twice' })
  const [first, second] = server.events
  expect([first?.id, second?.id]).toEqual(['twice', 'twice'])
  const run = { id: '01HWAVEB858VPPX47Z65GR6P6R', functionId: 'job', status: 'running' } as const
  ;(server.runs as WireRun[]).push({ ...run, eventIds: [first?.internalId ?? ''], startedAt: 1000 })
  expect(await jobs.runs({ eventId: 'twice' })).toMatchObject([{ id: run.id, status: 'running' }])
  await jobs.close()
  await server.close()
})
