import { systemClock } from '../clock.ts'
import { runReported } from '../failures.ts'
import { processSlot } from '../slot.ts'
import { hostProcess, printFatal, rejectionMode, type HostProcess, type Listener } from './host-process.ts'

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
 * Takes part in the end of the process, where there is one (Node): by itself, by an error that nothing caught, by a
 * signal, by `process.exit()`. The process ends as it would have ended without us, with the same exit status; where
 * the application has a listener of its own for an error or a signal, ending is left to it.
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

const SIGNALS: readonly (readonly [name: string, number: number])[] = [
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGTERM', 15],
]

function hook(endings: Endings): (() => void) | undefined {
  const host = hostProcess()
  if (!host) return undefined
  const listeners = new Map<string, Listener>([
    ['beforeExit', () => onNaturalEnd(endings)],
    ['exit', () => sayLastWords(endings)],
    ['uncaughtException', (error: unknown, origin: FatalOrigin) => onUncaught(endings, host, error, origin)],
    ['unhandledRejection', (reason: unknown) => onRejection(endings, host, reason)],
  ])
  for (const [name, number] of SIGNALS) listeners.set(name, signalListener(endings, host, name, number))
  const unhook = (): void => {
    for (const [event, listener] of listeners) host.removeListener(event, listener)
  }
  try {
    for (const [event, listener] of listeners) {
      // First in the list: a listener of the application's that is for once would be gone when it is counted.
      if (host.prependListener) host.prependListener(event, listener)
      else host.on(event, listener)
    }
    return unhook
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

function onUncaught(endings: Endings, host: HostProcess, error: unknown, origin: FatalOrigin): void {
  if (endings.ending) {
    // Perhaps one that a participant has caused: telling it again could go on for ever.
    printFatal(host, error)
    return
  }
  const alone = host.listenerCount('uncaughtException') === 1
  // Written first: whatever happens while we wait, the operator sees why the process ended.
  if (alone) {
    endings.ending = true
    printFatal(host, error)
  }
  tellFatal(endings, error, origin)
  sayLastWords(endings)
  void flushAll(endings).then(() => {
    if (alone) host.exit(1)
  })
}

/** Does for a rejection what Node does when nobody listens, since by listening we have taken that away. */
function onRejection(endings: Endings, host: HostProcess, reason: unknown): void {
  const mode = rejectionMode(host)
  // Node has raised it as an uncaught exception already.
  if (mode === 'strict') return
  const alone = host.listenerCount('unhandledRejection') === 1
  if (mode === 'throw' && alone) {
    const error = asRaised(reason)
    host.emit('uncaughtExceptionMonitor', error, 'unhandledRejection')
    host.emit('uncaughtException', error, 'unhandledRejection')
    return
  }
  if (!endings.ending) tellFatal(endings, reason, 'unhandledRejection')
  if (mode !== 'warn-with-error-code' || !alone) return
  host.emitWarning?.(
    `A promise was rejected and nothing handled it: ${String(asRaised(reason))}`,
    'UnhandledPromiseRejectionWarning',
  )
  host.exitCode = 1
}

/** Node raises what is no error inside of one. */
function asRaised(reason: unknown): unknown {
  if (reason instanceof Error) return reason
  let text = 'a value that can not be shown'
  try {
    text = String(reason)
  } catch {
    // An object without a text form.
  }
  const message = `A promise was rejected with a reason that is no error, and nothing handled it: "${text}".`
  return Object.assign(new Error(message, { cause: reason }), { code: 'ERR_UNHANDLED_REJECTION' })
}

function signalListener(endings: Endings, host: HostProcess, signal: string, number: number): Listener {
  let came = 0
  const listener = (): void => {
    came += 1
    const alone = (): boolean => host.listenerCount(signal) === 1
    const leftToUs = alone()
    sayLastWords(endings)
    // Whoever sends it again does not want to wait.
    const flushed = came === 1 ? flushAll(endings) : Promise.resolve()
    void flushed.then(() => {
      if (!leftToUs || !alone()) return
      // Without our listener the signal has its usual effect, and the parent sees the usual status.
      host.removeListener(signal, listener)
      host.kill(host.pid, signal)
      // The first process of a container is spared by its own signals.
      systemClock.setTimeout(() => host.exit(128 + number), 100, { keepAlive: true })
    })
  }
  return listener
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
