import { systemClock } from '../../time/clock.ts'
import { runReported } from '../../errors/failures.ts'
import { processSlot } from '../../slot.ts'
import { followRejections } from './follow-rejections.ts'
import { hostProcess, inWorker, listenFirst, printFatal, type HostProcess, type Listener } from './host-process.ts'
import { signalListener } from './signals.ts'

export type FatalOrigin = 'uncaughtException' | 'unhandledRejection'

/** Takes part in the end of the process. Errors that its methods throw or reject with are reported. */
export interface EndingParticipant {
  /** Delivers pending items within `budgetMs` milliseconds. Called while the process can still wait. */
  flush(budgetMs: number): Promise<void>
  /** Writes pending items synchronously. May be called more than once. */
  lastWords(): void
  /** Called with an uncaught error, before `lastWords`. */
  onFatal?(error: unknown, origin: FatalOrigin): void
}

export interface EndingOptions {
  /** Milliseconds that an ending waits for this participant's flush. Default 2000. */
  readonly budgetMs?: number
}

interface Endings {
  /** The participants with their budgets in milliseconds. */
  readonly participants: Map<EndingParticipant, number>
  /** Removes the hooks; `undefined` while there are none. */
  unhook: (() => void) | undefined
  /** True while a fatal error is ending the process. */
  ending: boolean
  /** The number of times that the process had no work left and was kept alive for a flush. */
  naturalEnds: number
}

const slot = (): Endings =>
  processSlot('core/endings', () => ({ participants: new Map(), unhook: undefined, ending: false, naturalEnds: 0 }))

const BUDGET_MS = 2000
/** The bound on natural ends: a flush that creates new work each time must not keep the process alive forever. */
const MAX_NATURAL_ENDS = 3

/**
 * Takes part in the end of a Node process: when it runs out of work, by an uncaught error, by SIGHUP, SIGINT, SIGQUIT or
 * SIGTERM, or by `process.exit()`. The process ends as it would without this, with the same exit status, and a worker's
 * parent gets the same `error` event. If the application or another SDK has its own listener for an error or a signal, it
 * decides whether the process ends. Does nothing outside Node.
 *
 * @returns A function that ends the participation. The last one also removes the process's listeners.
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
 * The signals that ask a process to end. Others that end it too (SIGUSR2, SIGALRM, …) get no listener, because it would
 * displace the handler of a native addon.
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
  const delivery = { writeLastWords: () => writeLastWords(endings), flush: () => flushAll(endings) }
  const listeners: readonly (readonly [event: string, listener: Listener])[] = [
    ['beforeExit', () => onNaturalEnd(endings)],
    ['exit', () => onExit(endings, host)],
    ['uncaughtExceptionMonitor', (error: unknown, origin: FatalOrigin) => onUncaught(endings, host, error, origin)],
    ...SIGNALS.map(([name, number]) => [name, signalListener(host, name, number, delivery)] as const),
  ]
  try {
    for (const [event, listener] of listeners) listenFirst(host, event, listener)
    const unfollow = followRejections(host, (reason) => {
      if (!endings.ending) reportFatal(endings, reason, 'unhandledRejection')
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
  // Node emits `beforeExit` again each time that a flush has added work to wait for.
  if (endings.naturalEnds >= MAX_NATURAL_ENDS) return
  endings.naturalEnds += 1
  const from = systemClock.monotonic()
  void flushAll(endings).then(() => {
    // The flush used up its budget, so the backend is unavailable, and another flush would only take as long.
    if (systemClock.monotonic() - from >= longestBudget(endings) * 0.9) endings.naturalEnds = MAX_NATURAL_ENDS
  })
}

function onExit(endings: Endings, host: HostProcess): void {
  // `process.exit()` was called while the fatal error was being delivered.
  if (endings.ending) host.exitCode = 1
  writeLastWords(endings)
}

/**
 * Called before Node looks for a handler of the error. A permanent `uncaughtException` listener would count as one: other
 * listeners, which end the process only if they are alone, would leave that to this one and this one to them. So the
 * listener is added only if there is no other, and only now.
 */
function onUncaught(endings: Endings, host: HostProcess, error: unknown, origin: FatalOrigin): void {
  if (endings.ending) return
  const deliver = (): void => {
    reportFatal(endings, error, origin)
    writeLastWords(endings)
  }
  if (host.listenerCount('uncaughtException') > 0 || host.hasUncaughtExceptionCaptureCallback?.()) {
    deliver()
    void flushAll(endings)
    return
  }
  const hold: Listener = (thrown: unknown): void => {
    if (endings.ending) {
      // A participant may have caused this error, so reporting it too could go on forever.
      printFatal(host, thrown)
      return
    }
    endings.ending = true
    const worker = inWorker(host)
    // Printed first, so that the operator sees why the process ended whatever happens during the flush.
    if (!worker) printFatal(host, thrown)
    deliver()
    void flushAll(endings).then(() => {
      if (worker) raiseAgain(host, hold, thrown)
      else host.exit(1)
    })
  }
  host.on('uncaughtException', hold)
  queueMicrotask(() => {
    if (endings.ending) return
    // A handler that Node calls before the listeners has handled the error.
    host.removeListener('uncaughtException', hold)
    deliver()
    void flushAll(endings)
  })
}

/** Throws the error again so that Node ends the worker: only then does its parent get the `error` event with the error. */
function raiseAgain(host: HostProcess, hold: Listener, error: unknown): void {
  host.removeListener('uncaughtException', hold)
  // The monitors already got this error when it was first thrown.
  if (host.listenerCount('uncaughtException') === 0) host.removeAllListeners?.('uncaughtExceptionMonitor')
  const raise = (): never => {
    throw error
  }
  // A throw from a timer is an exception; from a promise it would be a rejection.
  systemClock.setTimeout(raise, 0, { keepAlive: true })
}

function reportFatal({ participants }: Endings, error: unknown, origin: FatalOrigin): void {
  for (const participant of participants.keys()) guarded('onFatal', () => participant.onFatal?.(error, origin))
}

function writeLastWords({ participants }: Endings): void {
  for (const participant of participants.keys()) guarded('last words', () => participant.lastWords())
}

/** Resolves when all participants have flushed or the longest budget is over. Keeps the process alive until then. */
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
  runReported(run, { concern: 'core', operation: `process end: ${operation}` })
}
