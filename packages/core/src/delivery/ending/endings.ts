import { systemClock } from '../../time/clock.ts'
import { runReported } from '../../errors/failures.ts'
import { processSlot } from '../../slot.ts'
import { followRejections } from './follow-rejections.ts'
import { hostProcess, inWorker, listenFirst, printFatal, type HostProcess, type Listener } from './host-process.ts'
import { signalListener } from './signals.ts'

export type FatalOrigin = 'uncaughtException' | 'unhandledRejection'

/** Somebody who has something to do before the process ends. What it throws or rejects with is reported. */
export interface EndingParticipant {
  /** Delivers what is pending within `budgetMs`. Called while the process can still wait. */
  flush(budgetMs: number): Promise<void>
  /** Writes what is pending, synchronously. It may be called more than once. */
  lastWords(): void
  /** Told of an error that nothing caught, before the last words. */
  onFatal?(error: unknown, origin: FatalOrigin): void
}

export interface EndingOptions {
  /** Milliseconds that an ending waits for this participant's flush. Default 2000. */
  readonly budgetMs?: number
}

interface Endings {
  /** With their budgets. */
  readonly participants: Map<EndingParticipant, number>
  /** Removes the hooks; `undefined` while there are none. */
  unhook: (() => void) | undefined
  /** A fatal error is ending the process. */
  ending: boolean
  /** Times that the process has run out of work and was kept for a flush. */
  naturalEnds: number
}

const slot = (): Endings =>
  processSlot('core/endings', () => ({ participants: new Map(), unhook: undefined, ending: false, naturalEnds: 0 }))

const BUDGET_MS = 2000
/** A flush that brings new work each time must not keep a process for ever. */
const MAX_NATURAL_ENDS = 3

/**
 * Takes part in the end of the process, where there is one (Node): by itself, by an error that nothing caught, by SIGHUP,
 * SIGINT, SIGQUIT or SIGTERM, by `process.exit()`. The process ends as it would have ended without us, with the same exit
 * status, and a worker with the same `error` event at its parent; where the application, or another SDK, has a listener
 * of its own for an error or a signal, ending is left to it.
 *
 * @returns Ends the participation. With the last participant the process's listeners go too.
 */
export function atProcessEnd(participant: EndingParticipant, options: EndingOptions = {}): () => void {
  const endings = slot()
  endings.participants.set(participant, options.budgetMs ?? BUDGET_MS)
  endings.unhook ??= hook(endings)
  return () => {
    endings.participants.delete(participant)
    if (endings.participants.size > 0) return
    endings.unhook?.()
    endings.unhook = undefined
  }
}

/**
 * Those that ask a process to end. What ends it otherwise (SIGUSR2, SIGALRM, …) is left alone: a native addon may handle
 * it, whom a listener would displace.
 */
const SIGNALS: readonly (readonly [name: string, number: number])[] = [
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGQUIT', 3],
  ['SIGTERM', 15],
]

function hook(endings: Endings): (() => void) | undefined {
  const host = hostProcess()
  if (!host) return undefined
  const delivery = { sayLastWords: () => sayLastWords(endings), flush: () => flushAll(endings) }
  const listeners: readonly (readonly [event: string, listener: Listener])[] = [
    ['beforeExit', () => onNaturalEnd(endings)],
    ['exit', () => onExit(endings, host)],
    ['uncaughtExceptionMonitor', (error: unknown, origin: FatalOrigin) => onUncaught(endings, host, error, origin)],
    ...SIGNALS.map(([name, number]) => [name, signalListener(host, name, number, delivery)] as const),
  ]
  try {
    for (const [event, listener] of listeners) listenFirst(host, event, listener)
    const unfollow = followRejections(host, (reason) => {
      if (!endings.ending) tellFatal(endings, reason, 'unhandledRejection')
    })
    return () => {
      unfollow()
      for (const [event, listener] of listeners) host.removeListener(event, listener)
    }
  } catch {
    return undefined
  }
}

function onNaturalEnd(endings: Endings): void {
  // Node asks again each time that a flush has given it work to wait for.
  if (endings.naturalEnds >= MAX_NATURAL_ENDS) return
  endings.naturalEnds += 1
  const from = systemClock.monotonic()
  void flushAll(endings).then(() => {
    // It has used up its time: the backend is away, and another flush would only take as long.
    if (systemClock.monotonic() - from >= longestBudget(endings) * 0.9) endings.naturalEnds = MAX_NATURAL_ENDS
  })
}

function onExit(endings: Endings, host: HostProcess): void {
  // Somebody has called `process.exit()` while the error that ends the process was being delivered.
  if (endings.ending) host.exitCode = 1
  sayLastWords(endings)
}

/**
 * Called before Node looks for somebody who handles the error. A listener of `uncaughtException` would be one, and
 * others, who end the process only if they are alone, would leave that to us while we leave it to them. So it is there
 * only if nobody else is, and only from now on.
 */
function onUncaught(endings: Endings, host: HostProcess, error: unknown, origin: FatalOrigin): void {
  if (endings.ending) return
  const tell = (): void => {
    tellFatal(endings, error, origin)
    sayLastWords(endings)
  }
  if (host.listenerCount('uncaughtException') > 0 || host.hasUncaughtExceptionCaptureCallback?.()) {
    tell()
    void flushAll(endings)
    return
  }
  const hold: Listener = (thrown: unknown): void => {
    if (endings.ending) {
      // Perhaps one that a participant has caused: telling it again could go on for ever.
      printFatal(host, thrown)
      return
    }
    endings.ending = true
    const worker = inWorker(host)
    // Written first: whatever happens while we wait, the operator sees why the process ended.
    if (!worker) printFatal(host, thrown)
    tell()
    void flushAll(endings).then(() => {
      if (worker) raiseAgain(host, hold, thrown)
      else host.exit(1)
    })
  }
  host.on('uncaughtException', hold)
  queueMicrotask(() => {
    if (endings.ending) return
    // Somebody has handled it whom Node asks before the listeners.
    host.removeListener('uncaughtException', hold)
    tell()
    void flushAll(endings)
  })
}

/** Lets Node end a worker: only so does its parent get the `error` event, with the error. */
function raiseAgain(host: HostProcess, hold: Listener, error: unknown): void {
  host.removeListener('uncaughtException', hold)
  // They have been told of this error when it was thrown.
  if (host.listenerCount('uncaughtException') === 0) host.removeAllListeners?.('uncaughtExceptionMonitor')
  const raise = (): never => {
    throw error
  }
  // Thrown from a timer it is an exception; from a promise it would be a rejection.
  systemClock.setTimeout(raise, 0, { keepAlive: true })
}

function tellFatal({ participants }: Endings, error: unknown, origin: FatalOrigin): void {
  for (const participant of participants.keys()) guarded('onFatal', () => participant.onFatal?.(error, origin))
}

function sayLastWords({ participants }: Endings): void {
  for (const participant of participants.keys()) guarded('last words', () => participant.lastWords())
}

/** Resolves when all have flushed, or when the time is over; holds the process until then. */
function flushAll(endings: Endings): Promise<void> {
  return new Promise((resolve) => {
    const cancel = systemClock.setTimeout(resolve, longestBudget(endings), { keepAlive: true })
    const flushed = [...endings.participants].map(
      ([participant, budgetMs]) =>
        new Promise<void>((done) => {
          guarded('flush', async () => {
            try {
              await participant.flush(budgetMs)
            } finally {
              done()
            }
          })
        }),
    )
    void Promise.all(flushed).then(() => {
      cancel()
      resolve()
    })
  })
}

function longestBudget({ participants }: Endings): number {
  return Math.max(0, ...participants.values())
}

function guarded(operation: string, run: () => unknown): void {
  runReported(run, { concern: 'core', operation: `end of the process: ${operation}` })
}
