import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createJobs, type Jobs } from '../create-jobs.ts'
import { defineJob } from '../define-job.ts'
import { memoryStore } from '../stores/memory.ts'
import { sqliteStore } from '../stores/sqlite.ts'
import { startInngestServer, type InngestServer } from '../testing/index.ts'
import { testJobStore, testJobsDriver } from '../testing/conformance/index.ts'
import { sign } from '../testing/inngest-signature.ts'
import { embedded } from './embedded.ts'
import { inngest } from './inngest.ts'

const eventKey = 'event-key-0123456789'
const signingKey = `signkey-test-${'0123456789abcdef'.repeat(4)}`

function temporaryFile(): { path: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'msc-jobs-'))
  return { path: join(folder, 'jobs.db'), remove: () => rmSync(folder, { recursive: true, force: true }) }
}

testJobStore('memory', async () => {
  const store = memoryStore()
  return { store, close: () => store.close() }
})
testJobStore('sqlite', async () => {
  const { path, remove } = temporaryFile()
  const store = sqliteStore({ path })
  return {
    store,
    async close() {
      await store.close()
      remove()
    },
  }
})

testJobsDriver('embedded on memory', async (clock) => ({
  driver: embedded({ store: memoryStore(), clock }),
  close: async () => {},
}))
testJobsDriver('embedded on sqlite', async (clock) => {
  const { path, remove } = temporaryFile()
  return { driver: embedded({ store: sqliteStore({ path }), clock }), close: async () => remove() }
})

/** Serves an engine's handler as an application would, at /api/inngest. */
async function serve(
  handler: (request: Request) => Promise<Response>,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((incoming, outgoing) => {
    void toRequest(incoming)
      .then(handler)
      .then(async (response) => {
        outgoing.writeHead(response.status, Object.fromEntries(response.headers))
        outgoing.end(await response.text())
      })
      .catch(() => outgoing.writeHead(500).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/inngest`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function toRequest(incoming: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const method = incoming.method ?? 'GET'
  return new Request(`http://${incoming.headers.host}${incoming.url}`, {
    method,
    headers: Object.entries(incoming.headers).map(([key, value]): [string, string] => [key, String(value)]),
    ...(method !== 'GET' && { body: Buffer.concat(chunks) }),
  })
}

testJobsDriver('inngest, the real SDK over loopback', async (clock) => {
  const server = await startInngestServer({ eventKey, signingKey, clock })
  let app: { url: string; close: () => Promise<void> } | undefined
  return {
    driver: inngest({ eventKey, signingKey, baseUrl: server.url, clock }),
    async connect(jobs: Jobs) {
      app = await serve((request) => jobs.handler(request))
      await server.sync(app.url)
    },
    idle: () => server.idle(),
    async close() {
      await server.close()
      await app?.close()
    },
  }
})

it('inngest runs what was sent before its functions were registered when it is sent again, once', async () => {
  const server = await startInngestServer({ eventKey, signingKey })
  const job = defineJob({ id: 'job', triggers: [{ event: 'test/go' }] }, ({ event }) => event.id)
  const jobs = createJobs({ jobs: [job], driver: inngest({ eventKey, signingKey, baseUrl: server.url }) })
  const send = (): Promise<unknown> => jobs.send('test/go', {}, { id: 'early' })
  await send()
  expect(await jobs.runs({ eventId: 'early' })).toEqual([])
  const app = await serve((request) => jobs.handler(request))
  await server.sync(app.url)
  await send()
  await send()
  await server.idle()
  expect(await jobs.runs({ eventId: 'early' })).toMatchObject([{ job: 'job', status: 'completed' }])
  expect(server.runs).toHaveLength(1)
  await jobs.close()
  await server.close()
  await app.close()
})

describe('inngest when things go wrong', () => {
  let server: InngestServer
  beforeAll(async () => {
    server = await startInngestServer({ eventKey, signingKey })
  })
  afterAll(() => server.close())
  const job = defineJob({ id: 'job', triggers: [{ event: 'test/go' }] }, () => {})

  it.each(['silent', 'error', 'reset'] as const)(
    'says so within the deadline while the server is %s',
    async (behaviour) => {
      const jobs = createJobs({
        jobs: [job],
        driver: inngest({ eventKey, signingKey, baseUrl: server.url }),
        timeoutMs: 300,
      })
      server.behaviour = behaviour
      await expect(jobs.send('test/go', {})).rejects.toMatchObject({ retryable: true })
      expect((await jobs.health({ timeoutMs: 200 })).status).toBe('down')
      server.behaviour = 'ok'
      await jobs.close()
    },
  )

  it('names the key, never shows it, when the event is refused', async () => {
    const jobs = createJobs({
      jobs: [job],
      driver: inngest({ eventKey: 'wrong-key-abcdef', signingKey, baseUrl: server.url }),
    })
    const error = await jobs.send('test/go', {}).catch((thrown: unknown) => thrown as Error)
    expect(error).toMatchObject({
      code: 'DRIVER_UNAUTHORIZED',
      hint: expect.stringContaining('Check INNGEST_EVENT_KEY'),
    })
    expect(String((error as Error).stack)).not.toContain('wrong-key')
    await jobs.close()
  })

  it('answers 401 to a call that is not signed, was changed, or is an hour old', async () => {
    const jobs = createJobs({ jobs: [job], driver: inngest({ eventKey, signingKey, baseUrl: server.url }) })
    const app = await serve((request) => jobs.handler(request))
    const url = `${app.url}?fnId=msc-platform-job&stepId=step`
    const body = JSON.stringify({ event: { name: 'test/go', data: {} }, events: [], steps: {}, ctx: {}, version: 2 })
    expect((await fetch(url, { method: 'POST', body })).status).toBe(401)
    const post = async (text: string, signature: string): Promise<number> =>
      (await fetch(url, { method: 'POST', body: text, headers: { 'x-inngest-signature': signature } })).status
    expect(await post(body, sign(body, signingKey, Date.now() - 3_600_000))).toBe(401)
    expect(await post(body.replace('test/go', 'test/no'), sign(body, signingKey))).toBe(401)
    expect(await post(body, sign(body, `${signingKey.slice(0, -1)}0`))).toBe(401)
    expect(await post(body, sign(body, signingKey))).not.toBe(401)
    await app.close()
    await jobs.close()
  })

  it.each([{}, { 'x-inngest-signature': '' }, { 'x-inngest-signature': 't=1&s=ff' }])(
    'answers a registration that fails with no word of why, whatever it claims to be, and reports it: %j',
    async (headers) => {
      const reported: string[] = []
      const driver = inngest({ eventKey, signingKey, baseUrl: 'http://127.0.0.1:1' })
      const onError = (error: Error): void => void reported.push(error.message)
      const jobs = createJobs({ jobs: [job], driver, onError })
      const init = { method: 'PUT', body: '{}', headers: { host: 'app.example', ...headers } }
      const answer = await jobs.handler(new Request('https://app.example/api/inngest', init))
      expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining('"INTERNAL"')])
      expect(reported).toEqual([expect.stringContaining('fetch failed')])
      await jobs.close()
    },
  )

  it.each([
    ['a body that is not JSON', { method: 'POST', body: '{' }, 400, 'BODY_MALFORMED'],
    ['a malformed Host', { headers: { host: 'a b' } }, 400, 'HOST_INVALID'],
    [
      'a malformed Host, signed by nobody',
      { headers: { host: 'a b', 'x-inngest-signature': 't=1&s=a' } },
      400,
      'HOST_INVALID',
    ],
    ['a malformed X-Forwarded-Host', { headers: { 'x-forwarded-host': '[' } }, 400, 'HOST_INVALID'],
  ])('answers %s with a problem that shows nothing of the code', async (_what, init, status, code) => {
    const jobs = createJobs({ jobs: [job], driver: inngest({ eventKey, signingKey, baseUrl: server.url }) })
    const answer = await jobs.handler(new Request('https://app.example/api/inngest', init))
    const text = await answer.text()
    expect([answer.status, text]).toEqual([status, expect.stringContaining(code)])
    expect(text).not.toMatch(/stack|file:/)
    await jobs.close()
  })

  it('answers 503 once it is closed, so that it is called again elsewhere', async () => {
    const jobs = createJobs({ jobs: [job], driver: inngest({ eventKey, signingKey, baseUrl: server.url }) })
    await jobs.close()
    const answer = await jobs.handler(new Request('https://app.example/api/inngest', { method: 'POST', body: '{}' }))
    expect(answer.status).toBe(503)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toMatchObject({ status: 503, code: 'CLOSING' })
  })
})
