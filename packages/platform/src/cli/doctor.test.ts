import { startSentryServer } from '@msc/monitoring/testing'
import { describe, expect, it } from 'vitest'
import { doctor } from './doctor.ts'
import { main } from './main.ts'
import { oneLine } from './one-line.ts'

async function run(env: Record<string, string>, json = false) {
  let text = ''
  const code = await doctor({ json, env, write: (part) => (text += part) })
  return { code, text }
}

describe('msc doctor', () => {
  it('says which driver each concern has, and that it answers', async () => {
    const { code, text } = await run({ NODE_ENV: 'test' })
    expect(code).toBe(0)
    for (const line of [
      'monitoring  → local ✓',
      'cache       → memory ✓',
      'jobs        → memory ✓',
      'cron        → local ✓',
    ]) {
      expect(text).toContain(line)
    }
    expect(text.match(/✓/g)).toHaveLength(6)
  })

  it('names the variable that is missing where a pair is half set, and what to do', async () => {
    const { code, text } = await run({ NODE_ENV: 'test', UPSTASH_REDIS_REST_URL: 'https://x.example' })
    expect(code).toBe(1)
    expect(text).toMatch(/cache +→ – ✗/)
    expect(text).toContain('Set UPSTASH_REDIS_REST_TOKEN too')
  })

  it('refuses embedded drivers in production', async () => {
    const { code, text } = await run({ NODE_ENV: 'production' })
    expect(code).toBe(1)
    expect(text.match(/✗/g)).toHaveLength(6)
    expect((await run({ NODE_ENV: 'production', MSC_ALLOW_EMBEDDED: '1' })).code).toBe(0)
  })

  it('makes a real round trip to a vendor, and never prints a secret', async () => {
    const server = await startSentryServer()
    const up = await run({ NODE_ENV: 'test', NEXT_PUBLIC_SENTRY_DSN: server.dsn }, true)
    expect(JSON.parse(up.text)).toMatchObject({
      services: [{ concern: 'monitoring', driver: 'sentry', status: 'ready' }, {}, {}, {}, {}, {}],
    })
    server.behaviour = 'unauthorized'
    const refused = await run({ NODE_ENV: 'test', NEXT_PUBLIC_SENTRY_DSN: server.dsn })
    await server.close()
    const gone = await run({ NODE_ENV: 'test', NEXT_PUBLIC_SENTRY_DSN: server.dsn })
    for (const { code, text } of [refused, gone]) {
      expect(code).toBe(1)
      expect(text).toMatch(/monitoring +→ sentry ✗/)
      expect(text).not.toContain('0123456789abcdef')
    }
  })

  it('prints what a backend says on one line, and nothing that steers a terminal', () => {
    expect(oneLine('FATAL: no\r\ncache       → memory ✓\u001b[2J\u2028\u0085ü')).toBe(
      'FATAL: no cache       → memory ✓ [2J ü',
    )
  })

  it('refuses a command that it does not know', async () => {
    expect(await main(['nonsense'])).toBe(2)
    expect(await main(['help'])).toBe(0)
  })
})
