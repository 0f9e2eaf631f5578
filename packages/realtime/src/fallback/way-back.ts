import type { CancelTimer, Clock } from '@msc/core'
import type { PhoenixSocket } from '../phoenix/phoenix-socket.ts'

/** Between two tries. The first is made at once, as the server may have been away rather than the network in the way. */
const EVERY_MS = 600_000

/**
 * Tries the WebSocket again while a connection goes another way, beside that one: only when it has opened are the topics
 * sent over, at once, and fetch what they may have missed.
 *
 * @param open Opens a WebSocket, and says whether the server was reached.
 * @param onFound Joins are to go over a WebSocket from now on.
 */
export function tryAgain(
  current: PhoenixSocket,
  clock: Clock,
  open: (onOpened: (opened: boolean) => void) => PhoenixSocket,
  onFound: () => void,
): void {
  let cancel: CancelTimer = () => {}
  const attempt = (): void => {
    const probe = open((opened) => {
      if (!opened) {
        if (current.open) cancel = clock.setTimeout(attempt, EVERY_MS)
        return
      }
      probe.close()
      if (!current.open) return
      onFound()
      current.close(0)
    })
    cancel = () => probe.close()
  }
  if (!current.open) return
  current.ended.addEventListener('abort', () => cancel(), { once: true })
  attempt()
}
