import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep } from '@msc/core'
import { freePort, mulberry32 } from '@msc/core/testing'
import { signIn, startServer, type Server } from './server.ts'

export interface KillReport {
  /** Kills. */
  readonly scripts: number
  readonly acknowledged: number
  readonly retried: number
  readonly lost: number
  readonly duplicated: number
  readonly stuck: number
  readonly ghosts: number
  readonly broken: readonly { readonly seed: number; readonly violations: readonly string[] }[]
}

interface Listed {
  readonly releases: readonly { readonly id: string; readonly title: string; readonly analysed: boolean }[]
  readonly next?: string
}

/** Milliseconds that everything has to come to rest after the last start. */
const REST_MS = 120_000
const WRITERS = 3

/**
 * Kills the app with SIGKILL at random moments while people create releases, each of whom tries again with the same key until the
 * release is acknowledged. Then counts what is there: each acknowledged release once, each analysed and announced once, and no job
 * that the console thinks is still running.
 */
export async function runKillChaos({ scripts: kills, seed }: { scripts: number; seed: number }): Promise<KillReport> {
  const random = mulberry32(seed)
  const dataDir = mkdtempSync(join(tmpdir(), 'msc-kills-'))
  const port = await freePort()
  let server = await startServer(port, dataDir)
  const stopping = new AbortController()
  try {
    const people = createPeople(server.url, await signIn(server.url, 'artist'), stopping.signal)
    const writing = Array.from({ length: WRITERS }, (_, index) => people.write(index))
    for (let kill = 0; kill < kills; kill++) {
      await sleep(20 + random() * 1200)
      await server.kill()
      server = await startServer(port, dataDir)
    }
    stopping.abort()
    await Promise.all(writing)
    const sums = await count(server, people.acknowledged)
    const { lost, duplicated, stuck, ghosts } = sums
    const violations = Object.entries({ lost, duplicated, stuck, ghosts })
      .filter(([, found]) => found > 0)
      .map(([what, found]) => `${found} ${what}`)
    const { retried } = people
    return {
      scripts: kills,
      acknowledged: people.acknowledged.size,
      retried: retried(),
      ...sums,
      broken: violations.length > 0 ? [{ seed, violations }] : [],
    }
  } finally {
    stopping.abort()
    await server.kill()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

function createPeople(url: string, cookie: string, signal: AbortSignal) {
  const acknowledged = new Set<string>()
  let retried = 0
  const send = async (title: string): Promise<boolean> => {
    try {
      const response = await fetch(`${url}/api/releases`, {
        method: 'POST',
        headers: { cookie, 'content-type': 'application/json', 'idempotency-key': title.replaceAll(' ', '-') },
        body: JSON.stringify({
          title,
          artistName: 'Ines Valder',
          genre: 'Jazz',
          releaseDate: '2026-12-24',
          lyrics: 'Salt on the window, a voice on the phone',
        }),
        signal: AbortSignal.timeout(10_000),
      })
      await response.arrayBuffer()
      return response.status === 201
    } catch {
      return false
    }
  }
  return {
    acknowledged,
    retried: () => retried,
    /** Creates one release after the other; the last one is finished after the signal. */
    async write(writer: number): Promise<void> {
      for (let nth = 0; !signal.aborted; nth++) {
        const title = `Take ${writer} ${nth}`
        while (!(await send(title))) {
          retried += 1
          await sleep(100)
        }
        acknowledged.add(title)
        await sleep(150)
      }
    },
  }
}

async function count(
  server: Server,
  acknowledged: ReadonlySet<string>,
): Promise<Pick<KillReport, 'lost' | 'duplicated' | 'stuck' | 'ghosts'>> {
  const artist = await signIn(server.url, 'artist')
  const admin = await signIn(server.url, 'admin')
  const get = async <T>(path: string, cookie: string): Promise<T> => {
    const response = await fetch(server.url + path, { headers: { cookie } })
    if (response.ok) return (await response.json()) as T
    await response.arrayBuffer()
    // Hundreds of pages a minute are more than an account may read.
    if (response.status !== 429) throw new Error(`${path} was answered ${response.status}.`)
    await sleep(1000 * (Number(response.headers.get('retry-after')) || 1))
    return get(path, cookie)
  }
  const all = async (): Promise<Listed['releases'][number][]> => {
    const releases: Listed['releases'][number][] = []
    let after: string | undefined
    do {
      const page = await get<Listed>(
        `/api/releases?q=Take${after ? `&after=${encodeURIComponent(after)}` : ''}`,
        artist,
      )
      releases.push(...page.releases)
      after = page.next
    } while (after)
    return releases
  }
  const running = async (): Promise<number> => {
    const { runs } = await get<{ runs: { status: string }[] }>('/devtools/runs?format=json', admin)
    return runs.filter(({ status }) => status === 'running').length
  }
  const until = Date.now() + REST_MS
  let releases = await all()
  while (Date.now() < until && (releases.some(({ analysed }) => !analysed) || (await running()) > 0)) {
    await sleep(3000)
    releases = await all()
  }
  const titles = releases.map(({ title }) => title)
  const known = new Set(titles)
  return {
    lost: [...acknowledged].filter((title) => !known.has(title)).length,
    duplicated: titles.length - known.size,
    stuck: releases.filter(({ analysed }) => !analysed).length,
    ghosts: await running(),
  }
}
