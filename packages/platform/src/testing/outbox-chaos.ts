import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sleep } from '@msc/core'
import { mulberry32, startChaosProxy } from '@msc/core/testing'
import { startPostgres } from '@msc/core/testing/postgres'
import { build } from 'esbuild'
import { createDatabase } from '../database/create-database.ts'
import type { Database } from '../database/database.ts'
import { postgres } from '../database/drivers/postgres.ts'
import { addToOutbox } from '../outbox/add.ts'
import { createOutbox } from '../outbox/create-outbox.ts'
import type { OutboxEntry } from '../outbox/outbox.ts'
import { outboxMigration } from '../outbox/schema.ts'
import type { RelayTask } from './outbox-relay.ts'

export interface OutboxChaosOptions {
  /** The chaos itself; setting up and catching up come on top. Default 1. */
  readonly minutes?: number
  readonly seed: number
}

export interface OutboxChaosReport {
  readonly seed: number
  readonly scripts: number
  readonly broken: readonly { readonly seed: number; readonly violations: readonly string[] }[]
  readonly added: number
  readonly rolledBack: number
  readonly received: number
  readonly repeated: number
  readonly kills: number
  readonly cuts: number
}

const RELAYS = 3
const LEASE_MS = 1500
/** Milliseconds without a receipt after which what is left, when the chaos is over, does not come any more: longer than any backoff. */
const SILENCE_MS = 60_000

/**
 * Kills relays in the middle of their work, cuts and freezes their connections, and lets the receiver fail, hang and hang up,
 * while transactions add entries or are rolled back. Then checks that each committed entry came, that no other did, and that
 * the first receipts of each group are in order.
 */
export async function runOutboxChaos({ minutes = 1, seed }: OutboxChaosOptions): Promise<OutboxChaosReport> {
  const random = mulberry32(seed)
  const server = await startPostgres()
  const proxy = await startChaosProxy(Number(new URL(server.url).port), { random })
  const receiver = await startReceiver(random)
  const worker = await bundleWorker()
  const throughProxy = new URL(server.url)
  throughProxy.port = String(proxy.port)
  const task: RelayTask = { database: throughProxy.href, receiver: receiver.url, leaseMs: LEASE_MS }
  const start = (): ChildProcess =>
    spawn(process.execPath, ['--no-warnings', worker.script, JSON.stringify(task)], {
      stdio: ['pipe', 'inherit', 'inherit'],
    })
  const database = createDatabase({ driver: postgres({ url: server.url }) })
  const relays: ChildProcess[] = []
  const counts = { kills: 0, cuts: 0 }
  try {
    await database.migrate([outboxMigration()])
    for (let n = 0; n < RELAYS; n++) relays.push(start())
    const until = performance.now() + minutes * 60_000
    const producers = [0, 1, 2].map((n) => produce(database, `group-${n}`, random, until))
    while (performance.now() < until) {
      await sleep(100 + random() * 500)
      const dice = random()
      if (dice < 0.6) {
        const index = Math.floor(random() * RELAYS)
        const killed = relays[index] as ChildProcess
        relays[index] = start()
        counts.kills += 1
        await killProcess(killed)
      } else if (dice < 0.9) {
        counts.cuts += 1
        if (dice < 0.75) proxy.kill(0.5)
        else proxy.freeze(0.3)
      }
    }
    const produced = await Promise.all(producers)
    receiver.calm()
    const added = produced.flatMap((each) => each.added)
    const gone = produced.flatMap((each) => each.rolledBack)
    await caughtUp(added, receiver.firsts)
    const violations = await judge({ added, gone, firsts: receiver.firsts, database })
    return {
      seed,
      scripts: 1,
      broken: violations.length > 0 ? [{ seed, violations }] : [],
      added: added.length,
      rolledBack: gone.length,
      received: receiver.firsts.size,
      repeated: receiver.repeated(),
      ...counts,
    }
  } finally {
    await Promise.all(relays.map(killProcess))
    await database.close()
    await receiver.close()
    await proxy.close()
    await server.close()
    worker.remove()
  }
}

async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

interface Added {
  readonly id: string
  readonly group: string | undefined
}

/** Adds entries one transaction after the other, so that those of its group have an order. */
async function produce(
  database: Database,
  group: string,
  random: () => number,
  until: number,
): Promise<{ added: Added[]; rolledBack: string[] }> {
  const added: Added[] = []
  const rolledBack: string[] = []
  for (let n = 0; performance.now() < until; n++) {
    const ids: Added[] = []
    const keeps = random() > 0.2
    const isOrdered = random() > 0.5
    await database
      .asService(async (tx) => {
        for (let each = 0; each < 3; each++) {
          const entry = { kind: isOrdered ? 'ordered' : 'plain', payload: { n, each }, ...(isOrdered && { group }) }
          ids.push({ id: await addToOutbox(tx, entry), group: entry.group })
        }
        if (!keeps) throw new Error('rolled back')
      })
      .catch((error: unknown) => {
        if (keeps) throw error
      })
    if (keeps) added.push(...ids)
    else rolledBack.push(...ids.map(({ id }) => id))
    await sleep(random() * 40)
  }
  return { added, rolledBack }
}

async function caughtUp(added: readonly Added[], firsts: ReadonlyMap<string, number>): Promise<void> {
  let count = firsts.size
  let heard = performance.now()
  while (performance.now() - heard < SILENCE_MS && added.some(({ id }) => !firsts.has(id))) {
    await sleep(100)
    if (firsts.size > count) heard = performance.now()
    count = firsts.size
  }
  // For the outcomes of the last ones to be stored.
  await sleep(LEASE_MS)
}

async function judge(found: {
  readonly added: readonly Added[]
  readonly gone: readonly string[]
  readonly firsts: ReadonlyMap<string, number>
  readonly database: Database
}): Promise<string[]> {
  const { added, gone, firsts, database } = found
  const violations = added.filter(({ id }) => !firsts.has(id)).map(({ id }) => `${id} was lost`)
  violations.push(...gone.filter((id) => firsts.has(id)).map((id) => `${id} was rolled back and delivered`))
  const known = new Set([...added.map(({ id }) => id), ...gone])
  for (const id of firsts.keys()) if (!known.has(id)) violations.push(`${id} came from nowhere`)
  const last = new Map<string, number>()
  for (const { id, group } of added) {
    const at = firsts.get(id)
    if (group === undefined || at === undefined) continue
    if (at < (last.get(group) ?? -1)) violations.push(`${id} overtook one of ${group}`)
    last.set(group, at)
  }
  const outbox = createOutbox({ database, deliver: { plain: () => undefined } })
  for (let from = 0; from < added.length; from += 1000) {
    for (const { id, state } of await outbox.state(added.slice(from, from + 1000).map((each) => each.id))) {
      if (state !== 'delivered' && firsts.has(id)) violations.push(`${id} was received and is ${state}`)
    }
  }
  await outbox.close()
  return violations
}

/** A receiver that recognises ids, and fails in every way that one can. */
async function startReceiver(random: () => number) {
  /** The place of each entry's first receipt. */
  const firsts = new Map<string, number>()
  let receipts = 0
  let isCalm = false
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const dice = isCalm ? 1 : random()
    // Before it has done anything.
    if (dice < 0.05) return void response.writeHead(503).end()
    const { id } = JSON.parse(Buffer.concat(chunks).toString()) as OutboxEntry
    receipts += 1
    if (!firsts.has(id)) firsts.set(id, firsts.size)
    // After it has: the sender does not know.
    if (dice < 0.08) return void request.socket.destroy()
    if (dice < 0.09) return
    response.writeHead(204).end()
  }
  const server = createServer((request, response) => void take(request, response).catch(() => response.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    firsts,
    repeated: () => receipts - firsts.size,
    calm: () => void (isCalm = true),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The relay as one file, beside the package's dependencies: it is started often. */
async function bundleWorker(): Promise<{ readonly script: string; remove(): void }> {
  const folder = mkdtempSync(fileURLToPath(new URL('../../node_modules/.outbox-relay-', import.meta.url)))
  const script = join(folder, 'relay.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('outbox-relay.ts', import.meta.url))],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['@msc/source'],
    external: ['pg'],
    logLevel: 'silent',
  })
  return { script, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
