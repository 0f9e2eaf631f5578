import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { startPostHogServer } from './testing/index.ts'

const key = 'phc_loopback0123456789'

/** Runs `code` in a separate process, with the named functions imported. */
function run(code: string, env: Record<string, string>): Promise<{ status: number | null; stderr: string }> {
  const index = fileURLToPath(new URL('./index.ts', import.meta.url))
  const script = `import { trackServerEvent, isFeatureEnabled } from ${JSON.stringify(index)}; ${code}`
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--conditions=@msc/source', '--input-type=module', '-e', script], {
      env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', ...env },
    })
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.once('error', reject)
    child.once('close', (status) => resolve({ status, stderr }))
  })
}

describe('a process', () => {
  it('is not ended by bad calls that nobody awaits, and delivers the others before it ends', async () => {
    const server = await startPostHogServer({ key })
    const { status, stderr } = await run(
      `trackServerEvent(undefined, 'e'); trackServerEvent('u', ''); trackServerEvent(42, 'number');
       trackServerEvent('u', 'ok', new Proxy({}, { ownKeys() { throw new Error('no') } })); isFeatureEnabled(undefined, 'u')
       trackServerEvent('u', 'last')`,
      { NEXT_PUBLIC_POSTHOG_KEY: key, NEXT_PUBLIC_POSTHOG_HOST: server.url },
    )
    expect(status).toBe(0)
    expect(server.events.map(({ event, distinctId }) => `${distinctId} ${event}`)).toEqual(
      expect.arrayContaining(['42 number', 'u last']),
    )
    expect(stderr).toMatch(/distinctId must be non-empty text/)
    await server.close()
  })

  it('delivers the events it has tracked when an error ends it', async () => {
    const server = await startPostHogServer({ key })
    const { status, stderr } = await run(`trackServerEvent('u', 'last'); throw new Error('the application’s own')`, {
      NEXT_PUBLIC_POSTHOG_KEY: key,
      NEXT_PUBLIC_POSTHOG_HOST: server.url,
    })
    expect(status).toBe(1)
    expect(stderr).toContain('the application’s own')
    expect(server.events.map(({ event }) => event)).toEqual(['last'])
    await server.close()
  })

  it('continues without analytics in production without a configuration, and reports it once', async () => {
    const { status, stderr } = await run(
      `for (let i = 0; i < 3; i++) await trackServerEvent('u', 'e'); console.error(await isFeatureEnabled('f', 'u'))`,
      { NODE_ENV: 'production' },
    )
    expect(status).toBe(0)
    expect(stderr).toContain('false')
    expect(stderr.match(/NEXT_PUBLIC_POSTHOG_KEY/g)).toHaveLength(1)
  })
})
