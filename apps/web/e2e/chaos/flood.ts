import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
    const timed = async (rounds: number): Promise<number[]> => {
      const times: number[] = []
      for (let round = 0; round < rounds; round++) {
        const from = performance.now()
        await (await fetch(server.url + file)).arrayBuffer()
        times.push(performance.now() - from)
      }
      return times
    }
    await timed(200)
    const quiet = await timed(1000)
    const before = residentBytes(server.pid)
    let peak = before
    const watching = setInterval(() => (peak = Math.max(peak, residentBytes(server.pid))), 20)
    const flood = new AbortController()
    const answers = Promise.all(Array.from({ length: guesses }, (_, nth) => guess(server.url, nth))).finally(() =>
      flood.abort(),
    )
    const busy: number[] = []
    while (!flood.signal.aborted) busy.push(...(await timed(10)))
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

async function guess(url: string, nth: number): Promise<number> {
  const response = await fetch(`${url}/api/auth/sign-in`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-forwarded-for': `198.51.${Math.floor(nth / 250)}.${(nth % 250) + 1}`,
    },
    body: JSON.stringify({
      email: nth % 2 ? 'artist@msc.example' : `nobody${nth}@msc.example`,
      password: `guess ${nth}`,
    }),
  })
  await response.arrayBuffer()
  return response.status
}

function p99(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN
}

const round = (value: number): number => Math.round(value * 10) / 10
