import { spawn } from 'node:child_process'
import { build } from 'esbuild'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { JobStore } from '../store.ts'
import type { CrashTask } from './crash-worker.ts'

/**
 * The worker as one file: it is started hundreds of times, and most of the time that takes would be spent on reading it. Beside
 * the package's dependencies, which are left out of it.
 */
async function bundleWorker(): Promise<{ readonly script: string; remove(): void }> {
  const folder = mkdtempSync(fileURLToPath(new URL('../../node_modules/.crash-worker-', import.meta.url)))
  const script = join(folder, 'worker.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('crash-worker.ts', import.meta.url))],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@msc/source'],
    external: ['pg', 'inngest', 'inngest/*', 'croner', 'zod'],
    logLevel: 'silent',
  })
  return { script, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

const STEPS = ['reserve', 'left', 'right', 'charge']
/** More writes than the job makes. */
const MANY = 100

/** `SIGKILL` when it was killed, otherwise nothing. */
function work(script: string, task: CrashTask): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--no-warnings', script, JSON.stringify(task)], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'msc-crash-compiled') },
    })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0 || signal === 'SIGKILL') resolve(signal)
      else reject(new Error(`A worker ended with code ${code}`))
    })
  })
}

/**
 * Kills workers after each write that a run takes, and again and again after every few writes, and
 * checks that the run ends as it would have, that no step runs again whose end was stored, and that all is undone.
 *
 * @param setUp Where the workers keep their runs, and the same store for this process.
 * @param stride A worker is killed after each `stride`-th write only, from a random one on. MSC_CRASH_STRIDE=1 makes the whole
 *   matrix of it, and MSC_SEED the same slice again. Default 1.
 */
export function crashMatrix(
  leastKills: number,
  setUp: () => Promise<{ readonly at: CrashTask['store']; readonly store: JobStore; close(): Promise<void> }>,
  stride = 1,
): void {
  it(`ends every run as it should, over at least ${leastKills} kills`, { timeout: 300_000 }, async () => {
    const every = Number(process.env['MSC_CRASH_STRIDE'] ?? stride)
    const seed = Number(process.env['MSC_SEED'] ?? Math.floor(Math.random() * 1000))
    const { at, store, close } = await setUp()
    const worker = await bundleWorker()
    const folder = mkdtempSync(join(tmpdir(), 'msc-crash-'))
    let kills = 0
    let runs = 0

    const stored = async (runId: string): Promise<Map<string, string>> => {
      const found = await store.get(`${runId}.crash`)
      return new Map(found?.steps.map(({ key, status }) => [key, status]))
    }
    const lines = (log: string): string[] => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [])
    const count = (all: readonly string[], line: string): number => all.filter((each) => each === line).length

    /** Works until the run has ended; `next` says after how many writes the nth worker is killed. */
    const carry = async (name: string, fails: boolean, next: (attempt: number) => number): Promise<number> => {
      runs += 1
      const runId = `${name}-${fails ? 'fails' : 'ends'}`
      const log = join(folder, `${runId}.log`)
      let killed = 0
      for (let attempt = 0; ; attempt++) {
        const before = await stored(runId)
        const ranBefore = lines(log)
        const signal = await work(worker.script, { store: at, runId, log, fails, killAfter: next(attempt) })
        const ran = lines(log)
        for (const [step, status] of before) {
          // What was stored as ended is never run again.
          if (status === 'completed' || status === 'failed') {
            expect([runId, step, count(ran, step)]).toEqual([runId, step, count(ranBefore, step)])
          }
        }
        if (signal === null) break
        killed += 1
        expect(killed).toBeLessThan(MANY)
      }
      kills += killed
      const ended = await store.get(`${runId}.crash`)
      const ran = lines(log)
      expect([runId, ended?.run.status, ended?.run.result ?? ended?.run.error?.message]).toEqual(
        fails ? [runId, 'failed', 'no carrier'] : [runId, 'completed', 'shipped'],
      )
      // Nothing is lost: each step ran, and has its end.
      const statuses = await stored(runId)
      for (const step of STEPS) {
        expect([runId, step, statuses.get(step), ran.includes(step)]).toEqual([runId, step, 'completed', true])
        const undone = fails ? ['completed', true] : [undefined, false]
        expect([runId, step, statuses.get(`rollback:${step}`), ran.includes(`rollback:${step}`)]).toEqual([
          runId,
          step,
          ...undone,
        ])
      }
      return killed
    }

    try {
      for (const fails of [true, false]) {
        for (let write = 1 + (seed % every); ; write += every) {
          const killed = await carry(`once-${write}`, fails, (attempt) =>
            // And its successor a little later.
            attempt === 0 ? write : attempt === 1 ? 3 + (write % 3) : 0,
          )
          // The run has ended before its worker had made so many writes.
          if (killed === 0) break
        }
        // Fewer than three get nowhere: the first frees the run of the one before, the second claims it.
        for (const writes of [3, 4, 5, 6, 7]) await carry(`every-${writes}`, fails, () => writes)
      }
      // How many writes a run makes, and with it how often its workers are killed, depends on the machine a little.
      for (let missing = leastKills - kills; missing > 0;) {
        const killed = await carry(`more-${missing}`, missing % 2 === 0, () => 3 + (missing % 5))
        expect(killed).toBeGreaterThan(0)
        missing -= killed
      }
      console.log(`${kills} kills in ${runs} runs, MSC_SEED=${seed}`)
    } finally {
      rmSync(folder, { recursive: true, force: true })
      worker.remove()
      await close()
    }
  })
}
