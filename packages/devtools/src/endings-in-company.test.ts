import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'

// Other libraries also handle the end of a process, and some act only if they are the only one: signal-exit re-sends a
// signal, @sentry/node and posthog-node exit after an exception. With our handlers the process must end as it does
// without them.

const script = fileURLToPath(new URL('./testing/crowded-process.ts', import.meta.url))

// Processes start slowly when many start at once.
vi.setConfig({ testTimeout: 60_000 })

async function run(ours: 'without' | 'first' | 'last', company: string, how: string) {
  const args = ['--conditions=@msc/source', '--no-warnings', script, ours, company, how]
  // A process that does not end is killed, which is not one of the expected endings.
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('close', (...ended: [number | null, NodeJS.Signals | null]) => resolve(ended)),
  )
  return { code, signal, output: output.trim().split('\n'), errors }
}

describe.each([
  ['signal-exit 3', 'SIGTERM', { code: null, signal: 'SIGTERM' }],
  ['signal-exit 4', 'SIGINT', { code: null, signal: 'SIGINT' }],
  ['signal-exit 4', 'SIGQUIT', { code: null, signal: 'SIGQUIT' }],
  ['both signal-exits', 'SIGTERM', { code: null, signal: 'SIGTERM' }],
  ['signal-exit that is refused', 'SIGTERM', { code: 6, signal: null }],
  ['signal-exit and a handler', 'SIGTERM', { code: 5, signal: null }],
])('a process with %s that gets %s', (company, how, status) => {
  it('ends as it does without us, after the delivery', async () => {
    const [without, first, last] = await Promise.all([
      run('without', company, how),
      run('first', company, how),
      run('last', company, how),
    ])
    expect(without).toMatchObject(status)
    for (const ended of [first, last]) {
      expect(ended).toMatchObject({ ...status, errors: without.errors })
      expect(ended.output).toContain('delivered')
      expect(ended.output).toEqual(expect.arrayContaining(without.output.filter(Boolean)))
    }
  })
})

describe.each([
  ['nobody else', 'throw'],
  ['Sentry', 'throw'],
  ['PostHog', 'throw'],
  ['PostHog', 'reject'],
])('a process with %s that fails by a %s', (company, how) => {
  it('ends as it does without us, and prints the reason', async () => {
    const ended = await Promise.all([
      run('without', company, how),
      run('first', company, how),
      run('last', company, how),
    ])
    for (const { code, errors } of ended) {
      expect(code).toBe(1)
      expect(errors).toContain('RangeError: nobody caught this\n    at ')
    }
  })
})
