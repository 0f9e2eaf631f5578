import { isError, listenFirst, rejectionMode, type HostProcess, type Listener } from './host-process.ts'

const EVENT = 'unhandledRejection'

/** On a listener that is there only because of others. Copies of this module know each other's by it. */
const FOLLOWS = Symbol.for('@msc/core/follows')

/**
 * Observes rejections that nothing handles, without a say in what happens to them.
 *
 * By default Node raises such a rejection as an exception if nobody listens for it, so there is a listener only while
 * somebody else has one: what nobody listens for reaches whoever observes exceptions. In the modes where a listener
 * changes nothing it is always there; in `strict` Node raises each as an exception.
 *
 * @returns Ends it.
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
    // `removeAllListeners` walks the list, where only the very last may go by another hand.
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

/** What Node does in that mode when nobody listens, since by listening we have taken that away. */
function warnAsNode(host: HostProcess, reason: unknown): void {
  host.emitWarning?.(
    `A promise was rejected and nothing handled it: ${textOf(reason)}`,
    'UnhandledPromiseRejectionWarning',
  )
  host.exitCode = 1
}

function textOf(reason: unknown): string {
  try {
    return isError(reason) ? String(reason) : `a reason that is no error: "${String(reason)}"`
  } catch {
    return 'a value that can not be shown'
  }
}
