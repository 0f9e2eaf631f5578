import { backoff, every, sleep, toError, withoutScope, type CancelTimer, type Clock } from '@msc/core'
import type { Database } from '../database/database.ts'
import { attempt, type AttemptContext } from './attempt.ts'
import { createFlights, type Flight, type Flights } from './flights.ts'
import { createHearing } from './hearing.ts'
import { renewLeases } from './leases.ts'
import { MOST_STORED_BYTES } from './schema.ts'
import { createSettler } from './settler.ts'
import type { ClaimedEntry, OutboxStore } from './store.ts'
import { sweepTable } from './sweep.ts'
import { createNotice, type Notice } from './unattended.ts'
import { CALLED_OFF } from './verdict.ts'
import type { Watch } from './watch.ts'

export interface RelayContext extends AttemptContext {
  /** Names this process in its claims. */
  readonly name: string
  readonly database: Database
  readonly store: OutboxStore
  readonly clock: Clock
  readonly concurrency: number
  readonly maxBytes: number
  readonly leaseMs: number
  readonly pollMs: number
  readonly keepMs: number
  readonly elsewhere: readonly string[]
  readonly unknownAfterMs: number
  readonly watch: Watch
}

/** Claims entries and delivers them, until it is stopped. */
export interface Relay {
  start(): void
  /** Resolves when nothing is due and nothing under way, or after `budgetMs` milliseconds. */
  drain(budgetMs: number): Promise<void>
  /** Lets what is under way end within `budgetMs` milliseconds, then calls it off for the next process. */
  stop(budgetMs: number, reason: Error): Promise<void>
  readonly delivered: number
  readonly underWay: number
  /** What claims have failed with since one last worked: nothing is delivered meanwhile. */
  readonly claimFailure: Error | undefined
}

/** Milliseconds between looks where nothing is heard, as behind a transaction pooler. */
const DEAF_POLL_MS = 2000
/** A timer may fire a little before the database's clock has come as far. */
const LATE_MS = 10
/** How much of the time to stop deliveries have to end by themselves. */
const PATIENCE = 0.7

export function createRelay(context: RelayContext): Relay {
  const { store, clock, leaseMs, pollMs, report } = context
  const kinds = [...context.deliver.keys()]
  const most = Math.max(1, Math.floor(context.maxBytes / MOST_STORED_BYTES))
  const flights = createFlights(kinds, context.concurrency, most)
  const outage = createOutage(clock, context.watch, (error, operation) => !stopped && report(error, operation))
  const timers: CancelTimer[] = []
  let delivered = 0
  let isStarted = false
  let stopped: Error | undefined
  const isRunning = (): boolean => isStarted && !stopped

  const settler = createSettler({
    store,
    clock,
    leaseMs,
    onFailure: (error) => outage.failed(error, 'settle'),
    onSuccess: outage.ended,
  })
  const launch = (entry: ClaimedEntry, owner: string, renewedAt: number): void => {
    const flight: Flight = { id: entry.id, owner, entry, controller: new AbortController(), renewedAt, isLost: false }
    flights.add(flight)
    const whole = async (): Promise<void> => {
      const outcome = stopped ? CALLED_OFF : await attempt({ ...context, flights }, flight, () => stopped !== undefined)
      if (flight.isLost) return
      await settler.settle(flight, outcome)
      if (outcome.state === 'delivered') delivered += 1
    }
    void whole()
      .catch((error: unknown) => report(error, 'deliver'))
      .finally(() => {
        flights.delete(flight)
        void pump.run()
      })
  }
  const notice = createNotice(context.watch, (error, operation) => !stopped && report(error, operation))
  const claim = createClaim(context, {
    flights,
    launch,
    notice,
    isStopped: () => stopped !== undefined,
    onSuccess: outage.claimed,
  })
  const pump = createPump({
    clock,
    // After an error, the answer is when to try again.
    look: (isAsked) =>
      claim(isAsked).catch((error: unknown) => {
        outage.failed(error, 'claim')
        return backoff(outage.failures, { baseMs: 500, maxMs: pollMs })
      }),
    mostMs: () => (hearing.isHearing ? pollMs : Math.min(pollMs, DEAF_POLL_MS)),
    isRunning,
  })
  const wake = (): void => void pump.run()
  const hearing = createHearing({
    database: context.database,
    clock,
    wake,
    onFailure: (error) => !stopped && report(error, 'listen'),
  })
  let isSweeping = false
  const sweep = async (): Promise<void> => {
    wake()
    void hearing.attend()
    if (isSweeping) return
    isSweeping = true
    try {
      await sweepTable({ ...context, kinds, notice })
      // It may have put back what is known again.
      wake()
    } finally {
      isSweeping = false
    }
  }

  return {
    get delivered() {
      return delivered
    },
    get underWay() {
      return flights.all.size
    },
    get claimFailure() {
      return outage.claimFailure
    },
    start() {
      if (isStarted || stopped) return
      isStarted = true
      const onError = (error: unknown): void => outage.failed(error, 'sweep')
      withoutScope(() => {
        timers.push(every(leaseMs / 3, () => renewLeases(flights, context), { clock, onError }))
        timers.push(every(pollMs, sweep, { clock, onError }))
        sweep().catch(onError)
      })
    },
    async drain(budgetMs) {
      const until = clock.monotonic() + budgetMs
      while (isRunning() && clock.monotonic() < until) {
        await withoutScope(pump.run)
        if (flights.all.size === 0) return
        await flights.oneEnds(clock, until - clock.monotonic())
      }
    },
    async stop(budgetMs, reason) {
      const from = clock.monotonic()
      const allEnd = (until: number): Promise<void> => untilAllEnd(flights, clock, until)
      stopped ??= reason
      for (const cancel of timers.splice(0)) cancel()
      pump.stop()
      const patience = budgetMs * PATIENCE
      // A claim that is under way ends by itself, and what it brings is put back; a silent database may keep it for longer.
      const quiet = Promise.allSettled([hearing.stop(), pump.idle()])
      await Promise.all([Promise.race([quiet, sleep(patience, { clock, keepAlive: true })]), allEnd(from + patience)])
      for (const { controller } of flights.all) controller.abort(reason)
      settler.hurry()
      await allEnd(from + budgetMs)
    },
  }
}

/** Resolves when nothing is under way, or at `until` on the monotonic clock. */
async function untilAllEnd(flights: Flights, clock: Clock, until: number): Promise<void> {
  while (flights.all.size > 0 && clock.monotonic() < until) await flights.oneEnds(clock, until - clock.monotonic())
}

/** Milliseconds without a failure after which the next one begins another outage: calls that hang fail after those that work. */
const CALM_MS = 30_000

/** Reports the first failure of an outage: the health says how it goes on. */
function createOutage(clock: Clock, watch: Watch, report: (error: unknown, operation: string) => void) {
  let failures = 0
  let lastAt = -Infinity
  let claimFailure: Error | undefined
  return {
    get claimFailure() {
      return claimFailure
    },
    /** How often it has failed since it last worked. */
    get failures(): number {
      return failures
    },
    failed(error: unknown, operation: string): void {
      const now = clock.monotonic()
      if (operation === 'claim') claimFailure = toError(error)
      if (failures === 0 && now - lastAt > CALM_MS) report(error, operation)
      failures += 1
      lastAt = now
      watch.lose()
    },
    ended: (): void => void (failures = 0),
    claimed(): void {
      claimFailure = undefined
      failures = 0
    },
  }
}

interface ClaimParts {
  readonly flights: ReturnType<typeof createFlights>
  readonly launch: (entry: ClaimedEntry, owner: string, renewedAt: number) => void
  readonly notice: Notice
  readonly isStopped: () => boolean
  readonly onSuccess: () => void
}

/** Returns a function that claims until nothing is due or there is no room, and says when to look again. */
function createClaim(
  { name, store, clock, leaseMs, pollMs, deliver, elsewhere }: RelayContext,
  { flights, launch, notice, isStopped, onSuccess }: ClaimParts,
): (isAsked: () => boolean) => Promise<number> {
  const kinds = [...deliver.keys()]
  let claims = 0
  return async (isAsked) => {
    for (;;) {
      // An embedded database answers before the event loop turns: a long backlog would keep the process to itself.
      await sleep(0, { clock })
      isAsked()
      const places = flights.places()
      // Whoever ends wakes this.
      if (places.size === 0 || isStopped()) return pollMs
      const owner = `${name}/${(claims += 1)}`
      const from = clock.monotonic()
      const entries = await store.claim(places, owner, leaseMs)
      onSuccess()
      for (const entry of entries) launch(entry, owner, from)
      if (entries.length > 0) continue
      const nextMs = notice(await store.look(kinds, elsewhere))
      if (!isAsked()) return Math.min(pollMs, nextMs + LATE_MS)
    }
  }
}

interface PumpParts {
  readonly clock: Clock
  /** Looks until nothing is left to do. `isAsked` says, once, whether somebody has asked since. Never rejects. */
  readonly look: (isAsked: () => boolean) => Promise<number>
  /** The most milliseconds between two looks. */
  readonly mostMs: () => number
  readonly isRunning: () => boolean
}

/** Runs one look at a time, and the next when it is due or somebody asks. */
function createPump({ clock, look, mostMs, isRunning }: PumpParts) {
  let looking: Promise<void> | undefined
  let asked = false
  let cancelNext: CancelTimer = () => undefined
  const isAsked = (): boolean => {
    const was = asked
    asked = false
    return was
  }
  const run = (): Promise<void> => {
    asked = true
    if (!isRunning()) return Promise.resolve()
    return (looking ??= look(isAsked).then((waitMs) => {
      looking = undefined
      cancelNext()
      if (!isRunning()) return
      // Asked after the last look, while nothing could be done: soon is early enough.
      const ms = asked ? LATE_MS * 5 : Math.min(waitMs, mostMs())
      cancelNext = clock.setTimeout(() => void run(), Math.max(LATE_MS, ms))
    }))
  }
  return {
    run,
    idle: (): Promise<void> => looking ?? Promise.resolve(),
    stop: (): void => cancelNext(),
  }
}
