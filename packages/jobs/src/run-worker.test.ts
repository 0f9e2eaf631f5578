import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createJobs, type Jobs } from './create-jobs.ts'
import { defineJob } from './define-job.ts'
import { embedded } from './drivers/embedded.ts'
import { inngest } from './drivers/inngest.ts'
import { runWorker } from './run-worker.ts'
import { sqliteStore } from './stores/sqlite.ts'

const script = fileURLToPath(new URL('testing/drain-worker.ts', import.meta.url))

interface Started {
  readonly child: ChildProcess
  readonly lines: string[]
  said(line: string): Promise<void>
  readonly ended: Promise<number | string | null>
}

describe('a worker that is told to stop', () => {
  let folder: string
  let path: string
  const children: ChildProcess[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'msc-drain-'))
    path = join(folder, 'jobs.db')
  })
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  function start(mode = 'ends'): Started {
    const child = spawn(process.execPath, ['--conditions=@msc/source', '--no-warnings', script, path, mode], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    const lines: string[] = []
    let heard = (): void => {}
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line)
      heard()
    })
    return {
      child,
      lines,
      said: (line) =>
        new Promise((resolve) => {
          heard = () => {
            if (lines.includes(line)) resolve()
          }
          heard()
        }),
      ended: new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code))),
    }
  }

  /** An engine on the same file that runs nothing, or what a worker left. */
  async function engine(onSecond?: () => void): Promise<Jobs> {
    const job = defineJob({ id: 'two', triggers: [{ event: 'test/go' }] }, async ({ step }) => {
      await step.run('first', () => {
        throw new Error('The first step has run already')
      })
      await step.run('second', () => onSecond?.())
    })
    const jobs = createJobs({ jobs: [job], driver: embedded({ store: sqliteStore({ path }), pollMs: 50 }) })
    if (onSecond) await jobs.start()
    return jobs
  }

  it('finishes its step, begins no other, and leaves the rest to another worker at once', async () => {
    const sender = await engine()
    await sender.send('test/go', {}, { id: 'e' })
    const worker = start()
    await worker.said('in first')
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toBe(0)
    expect(worker.lines).toEqual(['in first', 'told', 'drained'])
    expect((await sender.run('e.two'))?.steps).toMatchObject([{ id: 'first', status: 'completed' }])

    const next = await engine(() => {})
    await expect.poll(async () => (await sender.run('e.two'))?.status).toBe('completed')
    await next.close()
    await sender.close()
  })

  it('does not wait for a second signal, and what it left is not lost', async () => {
    const sender = await engine()
    await sender.send('test/go', {}, { id: 'e' })
    const worker = start('hangs')
    await worker.said('in first')
    worker.child.kill('SIGTERM')
    await worker.said('told')
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toBe('SIGTERM')
    const next = start()
    await next.said('in first')
    next.child.kill('SIGTERM')
    await next.ended
    expect((await sender.run('e.two'))?.steps).toMatchObject([{ id: 'first', status: 'completed' }])
    await sender.close()
  })

  it('is nothing for a backend that calls us', async () => {
    const driver = inngest({ eventKey: 'k', signingKey: 'signkey-test-00', baseUrl: 'http://127.0.0.1:1' })
    const jobs = createJobs({ jobs: [], driver })
    await expect(runWorker(jobs)).rejects.toMatchObject({ name: 'ConfigError' })
    await jobs.close()
  })
})
