import type { CancelTimer, Clock } from '@msc/core'
import { pause } from '../base/signals.ts'
import type { SubscribeOptions } from '../driver.ts'
import type { PhoenixSocket } from '../phoenix/phoenix-socket.ts'

/** Between two tries. The first is made at once, as the server may have been away rather than the network in the way. */
const EVERY_MS = 600_000

/** Milliseconds for what was asked for to be answered, before the topics are joined over the next connection. */
const ANSWER_MS = 2000
/** Milliseconds that the one before stays while they are joined: who is present in them is not seen to go. */
const LINGER_MS = 5000
/** Milliseconds that it waits for the first of them. */
const NOBODY_MS = 1000
const STEP_MS = 25

/** Until nobody waits for an answer, at so many looks on end. */
async function calm(socket: PhoenixSocket, looks: number, ms: number, signal: AbortSignal): Promise<void> {
  for (
    let left = ms, seen = socket.waiting.size ? 0 : 1;
    seen < looks && left > 0 && !signal.aborted;
    left -= STEP_MS
  ) {
    await pause(STEP_MS, signal)
    seen = socket.waiting.size ? 0 : seen + 1
  }
}

/**
 * Takes the place of a connection until all that was asked for over that is answered, so that nothing overtakes it: what is joined
 * meanwhile waits, and goes over the next one. The one before is closed once all is joined there, and with that.
 */
function createBetween(current: PhoenixSocket, connect: (options: SubscribeOptions) => PhoenixSocket): PhoenixSocket {
  const closing = new AbortController()
  const { signal } = closing
  let open = true
  let next: PhoenixSocket | undefined
  const close = (): void => {
    open = false
    closing.abort()
    current.close()
  }
  const follow = (it: PhoenixSocket): void => {
    next = it
    it.ended.addEventListener('abort', close, { once: true })
    // What a topic that was joined asks for comes right behind.
    void calm(it, 4, LINGER_MS, signal).then(close)
  }
  const answer = async (): Promise<void> => {
    // Not before all topics were told.
    await pause(0, signal)
    await calm(current, 1, ANSWER_MS, signal)
    open = false
    void pause(NOBODY_MS, signal).then(() => next ?? close())
  }
  const answered = answer()
  return {
    get open() {
      return open
    },
    ended: signal,
    waiting: current.waiting,
    leave: close,
    close,
    async join(topic, options, handlers, joining) {
      await answered
      joining.throwIfAborted()
      const socket = connect(options)
      if (!next) follow(socket)
      return socket.join(topic, options, handlers, joining)
    },
  }
}

/**
 * Tries the WebSocket again while a connection goes another way, beside that one: only when it has opened are the topics
 * sent over, at once, and fetch what they may have missed.
 *
 * @param open Opens a WebSocket, and says whether the server was reached.
 * @param connect The connection over which a topic is to be joined.
 * @param onFound Joins are to go over a WebSocket from now on, and over this until that begins.
 */
export function tryAgain(
  current: PhoenixSocket,
  clock: Clock,
  open: (onOpened: (opened: boolean) => void) => PhoenixSocket,
  connect: (options: SubscribeOptions) => PhoenixSocket,
  onFound: (between: PhoenixSocket) => void,
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
      onFound(createBetween(current, connect))
      current.leave()
    })
    cancel = () => probe.close()
  }
  if (!current.open) return
  current.ended.addEventListener('abort', () => cancel(), { once: true })
  attempt()
}
