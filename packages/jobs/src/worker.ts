import { createClosing, guardSignal, inTurn, withoutScope, type CancelTimer, type Clock } from '@msc/core'
import { isAlive, ownerId } from './owner.ts'
import type { ClaimedRun, JobStore, PrunePolicy, RunChange, WriteResult } from './store.ts'

export interface WorkerOptions {
  readonly store: JobStore
  readonly concurrency: number
  readonly leaseMs: number
  readonly pollMs: number
  readonly clock: Clock
  /** What to keep, at `now`; asked for each minute. */
  readonly retention: (now: number) => Omit<PrunePolicy, 'limit'>
  /** Carries a run as far as it goes. */
  readonly carry: (
    claimed: ClaimedRun,
    hands: {
      readonly signal: AbortSignal
      readonly draining: AbortSignal
      /** To be used instead of the store's. */
      readonly write: JobStore['write']
    },
  ) => Promise<void>
  readonly reportFailure: (operation: string, error: unknown, details?: Readonly<Record<string, unknown>>) => void
}

/** Claims runs and has them carried, a bounded number at a time. */
export interface Worker {
  /** Looks for work now. Harmless before `start` and after `close`. */
  wake(): void
  start(): Promise<void>
  /** Aborts a run that is no longer ours, where it is here. */
  drop(id: string): void
  /** Begins no further step, gives back what is open, and waits for what is running. */
  close(): Promise<void>
}

const PRUNE_EVERY_MS = 60_000
const PRUNE_AT_ONCE = 1000
/** Runs begun in one turn of the event loop, after which everything else in the process has its turn. */
const MOST_IN_A_TURN = 50
/** What whoever still listens to a run's signal is told at its end. One for all runs: each would record a stack of its own. */
const RUN_OVER = Object.freeze(new DOMException('The run is over.', 'AbortError'))

export function createWorker(options: WorkerOptions): Worker {
  const { store, concurrency, leaseMs, pollMs, clock, retention, carry, reportFailure } = options
  const owner = ownerId()
  const running = new Map<string, AbortController>()
  const finishing = new Set<Promise<void>>()
  const draining = createClosing()
  let started = false
  let starting: Promise<void> | undefined
  let wanted = false
  let pumping: Promise<void> | undefined
  let timer: CancelTimer | undefined
  let beat: CancelTimer | undefined
  let unsubscribe: (() => Promise<void>) | undefined
  // Intervals go by the monotonic clock, whatever happens to the wall's; leases by the wall, which other workers share.
  let lastPrune = clock.monotonic()
  let lastLook = -Infinity
  // A claim that failed may have been carried out, now or when the store comes back, and its runs would wait for the
  // end of their leases.
  let suspectUntil = -Infinity
  // Whether there was as much to do as was asked for, the last time.
  let plenty = false
  let begunInTurn = 0
  let turn: Promise<void> | undefined
  let lastClaim = -Infinity

  const closing = (): boolean => draining.signal.aborted

  /** One at a time; a call while it runs makes it look once more. */
  const wake = (): void => {
    if (!started || closing()) return
    wanted = true
    // Outside of the request whose event woke it: it goes on with everybody's runs.
    pumping ??= withoutScope(() =>
      pump()
        .catch((error: unknown) => {
          reportFailure('claim', error)
          suspect()
          again(pollMs)
        })
        .finally(() => {
          pumping = undefined
          if (wanted) wake()
        }),
    )
  }

  const suspect = (): void => void (suspectUntil = clock.monotonic() + leaseMs)

  const again = (ms: number): void => {
    timer?.()
    if (!closing()) timer = clock.setTimeout(wake, ms)
  }

  const pump = async (): Promise<void> => {
    while (wanted) {
      wanted = false
      timer?.()
      const free = concurrency - running.size
      if (closing()) return
      // A run that ends will wake it.
      if (free <= 0) continue
      if (clock.monotonic() < suspectUntil) await store.release(owner, clock.now(), [...running.keys()])
      lastClaim = clock.monotonic()
      const claimed = await store.claim(owner, clock.now(), leaseMs, free)
      for (const each of claimed) begin(each)
      plenty = claimed.length === free
      if (plenty) continue
      const due = await store.nextDue()
      again(due === undefined ? pollMs : Math.min(pollMs, Math.max(1, due - clock.now())))
    }
  }

  /** With what ends a run goes the claim of the one that takes its place, as long as there are more. */
  const write = async (change: RunChange): Promise<WriteResult> => {
    const isLast = change.end !== undefined || change.park !== undefined
    // What only a claim of its own finds has its turn as often as the store is polled.
    if (!isLast || !plenty || closing() || clock.monotonic() - lastClaim >= pollMs) return store.write(change)
    try {
      const { result, claimed } = await store.writeAndClaim(change, { owner, leaseMs, limit: 1 })
      plenty = claimed.length > 0
      // What it got while it closes is given back with everything else.
      if (!closing()) for (const each of claimed) begin(each)
      return result
    } catch (error) {
      suspect()
      throw error
    }
  }

  /** A store in memory answers at once, and one run after the other would keep the process to itself. */
  const breath = (): Promise<void> | undefined => {
    begunInTurn += 1
    turn ??= new Promise((resolve) =>
      setImmediate(() => {
        begunInTurn = 0
        turn = undefined
        resolve()
      }),
    )
    return begunInTurn > MOST_IN_A_TURN ? turn : undefined
  }

  /** In no unit of work: the write that ends one run begins the next, which is somebody else's. */
  const begin = (claimed: ClaimedRun): void => withoutScope(() => beginAlone(claimed))

  const beginAlone = (claimed: ClaimedRun): void => {
    const { id, job } = claimed.run
    const abort = new AbortController()
    running.set(id, abort)
    // Steps listen to it, and their listeners are called from our timers.
    const signal = guardSignal(abort.signal, (error) => reportFailure('abort a run', error, { job, runId: id }))
    const done = draining
      .during((ending) => {
        const hands = { signal, draining: ending, write }
        return breath()?.then(() => carry(claimed, hands)) ?? carry(claimed, hands)
      })
      .catch((error: unknown) => reportFailure('carry a run', error, { job, runId: id }))
      .finally(() => {
        if (running.get(id) === abort) running.delete(id)
        finishing.delete(done)
        abort.abort(RUN_OVER)
        wake()
      })
    finishing.add(done)
  }

  /** Renews leases, frees the runs of the dead, and deletes old history. */
  const heartbeat = async (): Promise<void> => {
    const now = clock.now()
    const elapsed = clock.monotonic()
    if (running.size > 0) {
      const held = [...running]
      const ours = new Set(
        await store.renew(
          owner,
          held.map(([id]) => id),
          now + leaseMs,
        ),
      )
      for (const [id, abort] of held) if (!ours.has(id) && running.get(id) === abort) abort.abort()
    }
    if (closing()) return
    if (elapsed - lastLook >= pollMs) {
      lastLook = elapsed
      await freeTheDead()
    }
    if (elapsed - lastPrune >= PRUNE_EVERY_MS) {
      lastPrune = elapsed
      // The rest is deleted by the beats that follow.
      if ((await store.prune({ ...retention(now), limit: PRUNE_AT_ONCE })) === PRUNE_AT_ONCE) lastPrune = -Infinity
    }
  }

  const freeTheDead = async (): Promise<void> => {
    let freed = 0
    for (const each of await store.owners()) {
      if (each !== owner && !isAlive(each)) freed += await store.release(each, clock.now())
    }
    if (freed > 0) wake()
  }

  const beatLater = (): void => {
    beat = clock.setTimeout(
      () => {
        heartbeat()
          // The store is away: the leases decide, and every write is fenced anyway.
          .catch((error: unknown) => reportFailure('heartbeat', error))
          .finally(() => {
            if (!closing() || running.size > 0) beatLater()
          })
      },
      Math.min(pollMs, leaseMs / 3),
    )
  }

  /** `close` may come at any of these lines: what it does not find is let go of here. */
  const begins = async (): Promise<void> => {
    await freeTheDead()
    if (closing()) return
    const stop = await store.subscribe?.(wake, (error) => reportFailure('listen', error))
    if (closing()) return stop?.()
    unsubscribe = stop
    // Not before: whoever claims without a heartbeat loses its leases.
    started = true
    beatLater()
    wake()
  }

  return {
    wake,
    start() {
      if (!closing()) {
        starting ??= withoutScope(begins).catch((error: unknown) => {
          // It may be started again.
          starting = undefined
          throw error
        })
      }
      return starting ?? Promise.resolve()
    },
    drop(id) {
      withoutScope(() => running.get(id)?.abort())
    },
    async close() {
      if (closing()) return
      draining.end(new Error('The worker closes.'))
      timer?.()
      // What it could not do was told to whoever started it.
      await starting?.catch(() => undefined)
      await pumping
      // A step that is running may finish; one that takes longer is another worker's.
      const patience = clock.setTimeout(() => running.forEach((abort) => abort.abort()), leaseMs)
      await Promise.allSettled(finishing)
      patience()
      beat?.()
      await inTurn(
        () => unsubscribe?.(),
        () => started && store.release(owner, clock.now()),
      )
    },
  }
}
