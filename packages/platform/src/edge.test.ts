import { fileURLToPath } from 'node:url'
import { EdgeVM } from '@edge-runtime/vm'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

const program = `
import { createRoutes } from './next.ts'
import { createCron, defineCron } from '@msc/cron'
import { local } from '@msc/cron/local'

const schema = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }
const route = createRoutes({
  authenticate: async () => undefined,
  rateLimit: async () => ({ allowed: true, limit: 5, remaining: 4, resetAt: 0, retryAfter: 0, windowSeconds: 60 }),
  capture(error) { throw error },
})
export async function post() {
  const POST = route({ route: '/api', auth: 'none', body: schema, handler: ({ body }) => Response.json(body) })
  const request = new Request('http://a.example/api', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"title":"a"}',
  })
  const response = await POST(request, { params: Promise.resolve({}) })
  return [response.status, await response.text()]
}
export async function runCron() {
  const daily = defineCron({ name: 'daily', schedule: '0 0 * * *' }, () => 'done')
  const cron = createCron({ crons: [daily], driver: local() })
  const { outcome } = await cron.run('daily')
  await cron.close()
  return outcome
}
export const lacks = typeof AbortSignal.any
`

it('routes with a body and scheduled jobs run on the edge runtime', async () => {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    format: 'iife',
    globalName: 'program',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['@msc/source', 'workerd', 'browser'],
    write: false,
    // Loaded by their drivers, which this does not use.
    external: ['ioredis', '@upstash/redis'],
    logLevel: 'silent',
  })
  const vm = new EdgeVM()
  vm.evaluate((outputFiles[0] as { text: string }).text)
  // Otherwise this test says nothing about the runtime of Next.js.
  expect(vm.evaluate('program.lacks')).toBe('undefined')
  expect(await vm.evaluate('program.post()')).toEqual([200, '{"title":"a"}'])
  expect(await vm.evaluate('program.runCron()')).toBe('ok')
})
