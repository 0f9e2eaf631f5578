import { isError, listenFirst, rejectionMode, type HostProcess, type Listener } from './host-process.ts'

const EVENT = 'unhandledRejection'

/** Marks a listener that exists only because others do, so that copies of this module recognise each other's. */
const FOLLOWS = Symbol.for('@msc/core/follows')

/**
 * Observes unhandled rejections without affecting what happens to them.
 *
 * By default Node raises an unhandled rejection as an exception if there is no listener, so this one exists only while
 * another does; without one, the rejection reaches the observers of exceptions. In modes in which a listener changes
 * nothing it always exists. In `strict` mode there is none, because Node raises each rejection as an exception.
 *
 * @returns A function that ends the observation.
 */
export function followRejections(host: HostProcess, observe: (reason: unknown) => void): () => void {
  const mode = rejectionMode(host)
  if (mode === 'strict') return () => {}
  const listener = Object.assign(
    (reason: unknown): void => {
      observe(reason)
      if (mode === 'warn-with-error-code' && host.listenerCount(EVENT) === 1) warnAsNode(host, reason)
    },
    { [FOLLOWS]: true },
  )
  let following = false
  const join = (): void => {
    following = true
    listenFirst(host, EVENT, listener)
  }
  const leave = (): void => {
    following = false
    host.removeListener(EVENT, listener)
  }
  if (mode !== 'throw') {
    join()
    return leave
  }

  const leaveIfAlone = (): void => {
    if (following && host.listeners(EVENT).every(follows)) leave()
  }
  const onAdded: Listener = (event: unknown, added: unknown): void => {
    if (event === EVENT && !follows(added) && !following) join()
  }
  const onRemoved: Listener = (event: unknown, removed: unknown): void => {
    if (event !== EVENT) return
    if (removed === listener) following = false
    // `removeAllListeners` iterates over the list, from which only the very last listener may be removed meanwhile.
    else if (host.listenerCount(EVENT) === 1) leaveIfAlone()
    else queueMicrotask(leaveIfAlone)
  }
  if (!host.listeners(EVENT).every(follows)) join()
  host.on('newListener', onAdded)
  host.on('removeListener', onRemoved)
  return () => {
    host.removeListener('newListener', onAdded)
    host.removeListener('removeListener', onRemoved)
    leave()
  }
}

function follows(listener: unknown): boolean {
  return (listener as { readonly [FOLLOWS]?: boolean })[FOLLOWS] === true
}

/** Does what Node does in that mode without a listener, since this listener prevents it. */
function warnAsNode(host: HostProcess, reason: unknown): void {
  host.emitWarning?.(
    `A promise was rejected and nothing handled it: ${textOf(reason)}`,
    'UnhandledPromiseRejectionWarning',
  )
  host.exitCode = 1
}

function textOf(reason: unknown): string {
  try {
    return isError(reason) ? String(reason) : `a reason that is not an error: "${String(reason)}"`
  } catch {
    return 'a value that cannot be shown'
  }
}
