import type { DeliveryStats, Drop } from '../../delivery/sink/receipt.ts'
import { createChaosBackend, type ChaosBackend } from './chaos-backend.ts'
import { createRandom, type Random } from './random.ts'
import { createVirtualTime, type VirtualTime } from './virtual-time.ts'

/** The part of an engine with one driver that a chaos script needs. */
export interface ChaosEngine {
  /** Records one item, whose text must reach the backend. */
  record(text: string): void
  stats(): DeliveryStats
  flush(budget: { readonly timeoutMs: number }): Promise<void>
  close(budget: { readonly timeoutMs: number }): Promise<void>
}

export interface ChaosSetUp {
  readonly backend: ChaosBackend
  readonly clock: VirtualTime
  readonly random: Random
  readonly onDrop: (drop: Drop) => void
}

export interface EngineChaosOptions {
  /** Functions that make an engine for each driver, by the driver's name. */
  readonly engines: Readonly<Record<string, (setUp: ChaosSetUp) => ChaosEngine>>
  /** Drivers whose backend never refuses an item because of its content. */
  readonly withoutPoison?: readonly string[]
  readonly scripts: number
  /** Script `n` has the seed `seed + n`, so that one of them can be run alone. */
  readonly seed: number
}

export interface EngineChaosReport {
  readonly scripts: number
  readonly seed: number
  readonly broken: readonly { readonly seed: number; readonly violations: readonly string[] }[]
}

/** Milliseconds within which everything must be delivered once the backend has healed. */
const BUDGET_MS = 60_000
const POISON = 'poison'

/**
 * Runs random scripts against each driver, in virtual time. They check that the counts add up at every instant, that only
 * the items that the backend refuses are lost to a refusal, that no confirmed item is sent again, and that a backend that
 * heals before the close's deadline gets all the rest.
 */
export async function runEngineChaos(options: EngineChaosOptions): Promise<EngineChaosReport> {
  const { engines, withoutPoison = [], scripts, seed } = options
  const broken: { seed: number; violations: string[] }[] = []
  const drivers = Object.entries(engines)
  for (let n = 0; n < scripts; n++) {
    for (const [driver, make] of drivers) {
      const found = await runScript(make, seed + n, !withoutPoison.includes(driver))
      if (found.length > 0) broken.push({ seed: seed + n, violations: found.map((each) => `${driver}: ${each}`) })
    }
  }
  return { scripts: scripts * drivers.length, seed, broken }
}

/** Runs one script: items, waits, changes of mood and flushes in random order, then a close during which the backend heals. */
async function runScript(make: (setUp: ChaosSetUp) => ChaosEngine, seed: number, poisons: boolean): Promise<string[]> {
  const random = createRandom(seed)
  const violations = new Set<string>()
  const check = (): void => {
    const { accepted, delivered, dropped, queued, inFlight } = engine.stats()
    if (accepted !== delivered + dropped + queued + inFlight) {
      violations.add(`${accepted} accepted ≠ ${delivered} + ${dropped} + ${queued} + ${inFlight}`)
    }
  }
  const clock = createVirtualTime(
    () => check(),
    () => new Promise((resolve) => setImmediate(resolve)),
  )
  const backend = createChaosBackend({ random, clock, poison: POISON })
  const drops: Drop[] = []
  const engine = make({ backend, clock, random, onDrop: (drop) => drops.push(drop) })

  const expected = new Set<string>()
  let poisoned = 0
  let count = 0
  const record = (): void => {
    const isPoison = poisons && random.chance(1 / 12)
    const before = drops.length
    const name = String(count++)
    engine.record(isPoison ? POISON : `event of chaos ${name}`)
    check()
    // An item for which there was no room is reported as a drop at once.
    if (drops.length > before) return
    if (isPoison) poisoned += 1
    else expected.add(name)
  }
  const steps = 5 + random.integer(0, 20)
  for (let step = 0; step < steps; step++) {
    backend.changeMood()
    for (let n = random.integer(0, 11); n > 0; n--) record()
    if (random.chance(1 / 4)) void engine.flush({ timeoutMs: random.integer(0, 4000) })
    await clock.advance(random.integer(0, 8000))
  }
  const closing = engine.close({ timeoutMs: BUDGET_MS })
  await clock.advance(random.integer(0, BUDGET_MS / 3))
  backend.mood = 'ok'
  await clock.advance(BUDGET_MS)
  await closing
  check()

  const missing = [...expected].filter((name) => !backend.taken.has(name))
  const refused = drops.filter(({ reason }) => reason === 'refused').reduce((sum, drop) => sum + drop.count, 0)
  const other = drops.filter(({ reason }) => reason !== 'refused' && reason !== 'queue full')
  if (missing.length > 0) violations.add(`${missing.length} events never arrived although the backend healed`)
  if (backend.repeated.size > 0) violations.add(`${backend.repeated.size} events were sent again after their answer`)
  if (refused !== poisoned) violations.add(`${poisoned} poisoned, but ${refused} refused`)
  if (other.length > 0) violations.add(`lost as ${other.map(({ reason }) => reason).join(', ')}`)
  return [...violations]
}
