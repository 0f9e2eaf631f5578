import { setErrorReporter } from '@msc/core'
import { afterEach, expect, it, vi } from 'vitest'
import { cronHandler, setDefaultCron } from './default-cron.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  setDefaultCron(undefined)
})

it.each([
  ['EMBEDDED_IN_PRODUCTION', { NODE_ENV: 'production' }],
  ['CONFIG_HALF_SET', { VERCEL: '1' }],
  ['CRON_DRIVER_UNKNOWN', { MSC_CRON_DRIVER: 'quartz' }],
])('answers 500 and reports %s, instead of rejecting, while the configuration is refused', async (code, env) => {
  for (const name of ['VERCEL', 'CRON_SECRET', 'MSC_ALLOW_EMBEDDED', 'MSC_CRON_DRIVER']) vi.stubEnv(name, '')
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  const reported: unknown[] = []
  const restore = setErrorReporter((error, { concern }) => reported.push([concern, (error as { code?: unknown }).code]))
  const answer = await cronHandler(new Request('http://app.example/api/cron/nightly'), 'nightly')
  restore()
  expect([answer.status, await answer.json()]).toMatchObject([500, { code: 'NOT_CONFIGURED' }])
  expect(reported).toEqual([['cron', code]])
})
