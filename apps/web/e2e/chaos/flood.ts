import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { sleep } from '@msc/core'
import { freePort } from '@msc/core/testing'
import { residentBytes, signIn, startServer } from './server.ts'

export interface FloodReport {
  /** Guesses. */
  readonly scripts: number
  /** Of the guesses, how many were refused without looking at the password. */
  readonly refused: number
  readonly quietP99Ms: number
  readonly floodP99Ms: number
  readonly ratio: number
  readonly grownMiB: number
  /** The owner signs in meanwhile, from an address that has signed in before. */
  readonly ownerSignedIn: boolean
  readonly broken: readonly { readonly seed: number; readonly violations: readonly string[] }[]
}

const STATIC = fileURLToPath(new URL('../../.next/static/chunks', import.meta.url))

/**
 * Sends wrong passwords for one account from as many addresses, all at once, and measures how long a static file takes before and
 * meanwhile, and how much memory the server has gained.
 */
export async function runFloodChaos({
  scripts: guesses,
  seed,
}: {
  scripts: number
  seed: number
}): Promise<FloodReport> {
  const dataDir = mkdtempSync(join(tmpdir(), 'msc-flood-'))
  // One trusted proxy, so that each guess comes from an address of its own.
  const server = await startServer(await freePort(), dataDir, { MSC_TRUSTED_HOPS: '1' })
  try {
    await signIn(server.url, 'artist')
    const file = `/_next/static/chunks/${readdirSync(STATIC).find((name) => name.endsWith('.js'))}`
    // One each 10 ms, whether the one before was answered or not: a stop of a second is a hundred slow answers, not one.
    const timed = async (rounds: number, ended?: AbortSignal): Promise<number[]> => {
      const times: Promise<number>[] = []
      const began = performance.now()
      for (let round = 0; round < rounds; round++) {
        if (ended?.aborted) break
        await sleep(Math.max(0, began + round * 10 - performance.now()))
        const due = began + round * 10
        times.push(
          fetch(server.url + file)
            .then((response) => response.arrayBuffer())
            .then(() => performance.now() - due),
        )
      }
      return Promise.all(times)
    }
    const sender = new Worker(new URL('guesses.ts', import.meta.url), { workerData: { url: server.url, guesses } })
    await once(sender, 'message')
    // What has never run before takes many times as long as it does afterwards.
    await timed(1000)
    const quiet = await timed(1000)
    const before = residentBytes(server.pid)
    let peak = before
    const watching = setInterval(() => (peak = Math.max(peak, residentBytes(server.pid))), 20)
    const flood = new AbortController()
    sender.postMessage('begin', [])
    const answers = once(sender, 'message')
      .then(([statuses]) => statuses as number[])
      .finally(() => flood.abort())
    const busy = await timed(12_000, flood.signal)
    const statuses = await answers
    clearInterval(watching)
    const ownerSignedIn = await signIn(server.url, 'artist').then(
      () => true,
      () => false,
    )
    const [quietP99Ms, floodP99Ms] = [p99(quiet), p99(busy)]
    const ratio = floodP99Ms / quietP99Ms
    const grownMiB = (peak - before) / 1024 / 1024
    const violations = [
      ratio > 2 && `static files took ${ratio.toFixed(1)} times as long`,
      grownMiB > 150 && `memory grew by ${grownMiB.toFixed(0)} MiB`,
      !ownerSignedIn && 'the owner could not sign in',
    ].filter((each) => each !== false)
    return {
      scripts: guesses,
      refused: statuses.filter((status) => status === 429).length,
      quietP99Ms: round(quietP99Ms),
      floodP99Ms: round(floodP99Ms),
      ratio: round(ratio),
      grownMiB: round(grownMiB),
      ownerSignedIn,
      broken: violations.length > 0 ? [{ seed, violations }] : [],
    }
  } finally {
    await server.kill()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

function p99(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN
}

const round = (value: number): number => Math.round(value * 10) / 10
