import { withScope } from '@msc/core'
import { createRandom, createVirtualTime, type Random, type VirtualTime } from '@msc/core/testing/delivery'
import { createMonitoring, type Monitoring } from '../create-monitoring.ts'
import type { MonitoringDriver } from '../driver.ts'
import { browserLocal } from '../drivers/browser-local.ts'
import { sentryBrowser } from '../drivers/sentry-browser.ts'
import { sentry } from '../drivers/sentry.ts'
import type { SignalDrop } from '../sinks.ts'

/** How the backend treats requests. In all of them it refuses what holds the poison, once it answers at all. */
type Mood = 'ok' | 'silent' | 'reset' | 'unavailable' | 'limited' | 'limited errors' | 'small' | 'html'

const MOODS: readonly Mood[] = ['ok', 'silent', 'reset', 'unavailable', 'limited', 'limited errors', 'small', 'html']
const POISON = 'poison'
/** Bytes of a body that the backend takes while it is `small`. */
const SMALL = 4000
/** Milliseconds in which a backend that has healed must get everything. */
const BUDGET_MS = 60_000

const SINKS: Readonly<Record<string, (fetch: typeof globalThis.fetch, clock: VirtualTime) => MonitoringDriver>> = {
  sentry: (fetch, clock) => sentry({ dsn: 'https://key@sentry.example/1', fetch, clock }),
  'sentry-browser': (fetch, clock) => sentryBrowser({ dsn: 'https://key@sentry.example/1', fetch, clock }),
  'browser-local': (fetch, clock) => browserLocal({ ingestUrl: '/api/msc/browser', fetch, clock }),
}

/** A backend over `fetch`, of which it is known what it took. */
class Backend {
  mood: Mood = 'ok'
  readonly taken = new Set<string>()
  requests = 0
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  readonly fetch = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    this.requests += 1
    const body = String(init?.body)
    const { mood } = this
    if (mood === 'silent') return silence(init?.signal ?? undefined)
    if (mood === 'reset') throw new TypeError('fetch failed')
    if (mood === 'unavailable') return answer(503)
    if (mood === 'html') return answer(200, { 'content-type': 'text/html' })
    if (mood === 'limited') return answer(429, { 'retry-after': String(this.#random.integer(0, 3)) })
    if (body.includes(POISON)) return answer(400)
    if (mood === 'small' && body.length > SMALL) return answer(413)
    for (const [, name] of body.matchAll(/"event of chaos (\d+)"/g)) this.taken.add(name as string)
    const limits = mood === 'limited errors' && { 'x-sentry-rate-limits': '2:error:organization' }
    return answer(200, { 'content-type': 'application/json', ...limits })
  }
}

/** A real `Response` is read by turns of the event loop, which virtual time does not wait for. */
function answer(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  const plain = { type: 'basic', status, headers: new Headers(headers), body: null }
  return plain as unknown as Response
}

function silence(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

/** One script: captures, waits, changes of mood and flushes in random order, then a close that the backend heals in. */
async function runScript(sink: string, seed: number): Promise<string[]> {
  const random = createRandom(seed)
  const violations = new Set<string>()
  const check = (): void => {
    const { accepted, delivered, dropped, queued, inFlight } = monitoring.stats()
    if (accepted !== delivered + dropped + queued + inFlight) {
      violations.add(`${accepted} accepted ≠ ${delivered} + ${dropped} + ${queued} + ${inFlight}`)
    }
  }
  const time = createVirtualTime(() => check())
  const backend = new Backend(random)
  const drops: SignalDrop[] = []
  const monitoring: Monitoring = createMonitoring({
    driver: (SINKS[sink] as NonNullable<(typeof SINKS)[string]>)(backend.fetch as typeof fetch, time),
    clock: time,
    random,
    maxQueue: 60,
    telemetry: false,
    onDrop: (drop) => drops.push(drop),
    onError: () => undefined,
  })

  const expected = new Set<string>()
  let poisoned = 0
  let count = 0
  const capture = (): void => {
    const isPoison = random.chance(1 / 12)
    const before = drops.length
    const name = String(count++)
    withScope(() => monitoring.captureMessage(isPoison ? POISON : `event of chaos ${name}`))
    check()
    // What found no room was told of at once.
    if (drops.length > before) return
    if (isPoison) poisoned += 1
    else expected.add(name)
  }
  const steps = 5 + random.integer(0, 20)
  for (let step = 0; step < steps; step++) {
    backend.mood = random.chance(1 / 3) ? 'ok' : random.pick(MOODS)
    for (let n = random.integer(0, 11); n > 0; n--) capture()
    if (random.chance(1 / 4)) void monitoring.flush({ timeoutMs: random.integer(0, 4000) })
    await time.advance(random.integer(0, 8000))
  }
  const closing = monitoring.close({ timeoutMs: BUDGET_MS })
  await time.advance(random.integer(0, BUDGET_MS / 3))
  backend.mood = 'ok'
  await time.advance(BUDGET_MS)
  await closing

  const missing = [...expected].filter((name) => !backend.taken.has(name))
  const refused = drops.filter(({ reason }) => reason === 'refused').reduce((sum, drop) => sum + drop.count, 0)
  const other = drops.filter(({ reason }) => reason !== 'refused' && reason !== 'queue full')
  if (missing.length > 0) violations.add(`${missing.length} events never arrived although the backend healed`)
  if (refused !== poisoned) violations.add(`${poisoned} poisoned, but ${refused} refused`)
  if (other.length > 0) violations.add(`lost as ${other.map(({ reason }) => reason).join(', ')}`)
  return [...violations]
}

export interface MonitoringChaosReport {
  readonly scripts: number
  readonly seed: number
  readonly broken: readonly { readonly seed: number; readonly violations: readonly string[] }[]
}

/** `scripts` random scripts for each driver with a backend, on a virtual clock. Script `n` has the seed `seed + n`. */
export async function runMonitoringChaos(options: {
  readonly scripts: number
  readonly seed: number
}): Promise<MonitoringChaosReport> {
  const broken: { seed: number; violations: string[] }[] = []
  for (let n = 0; n < options.scripts; n++) {
    for (const sink of Object.keys(SINKS)) {
      const violations = await runScript(sink, options.seed + n)
      if (violations.length > 0) {
        broken.push({ seed: options.seed + n, violations: violations.map((violation) => `${sink}: ${violation}`) })
      }
    }
  }
  return { scripts: options.scripts * Object.keys(SINKS).length, seed: options.seed, broken }
}
