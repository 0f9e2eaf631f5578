import { withoutScope, type CancelTimer, type Clock } from '@msc/core'

/** A call that is waited for. */
interface Pending {
  /** Called when the time is up; not after `done`. */
  readonly expire: () => void
  /** Ticks that there had been when it began. */
  readonly since: number
  over: boolean
}

/** One timer for all calls to one store: on the way of a hit, making and clearing one each time can be felt. */
export interface Deadlines {
  /** Calls `expire` between one and 1.1 times the timeout from now, unless `done` is called before. */
  begin(expire: () => void): Pending
  done(call: Pending): void
  /** Calls `expire` of all that still wait, now: nobody would, any more. */
  close(): void
}

/** Ticks that make a timeout; the accuracy is one of them. */
const TICKS = 10

export function createDeadlines(clock: Clock, timeoutMs: number): Deadlines {
  // In the order they began, and so that in which they expire.
  let calls: Pending[] = []
  let first = 0
  let open = 0
  let ticks = 0
  let timer: CancelTimer | undefined

  const tick = (): void => {
    timer = undefined
    ticks += 1
    for (; first < calls.length; first++) {
      const call = calls[first] as Pending
      if (!call.over) {
        if (ticks - call.since <= TICKS) break
        call.over = true
        open -= 1
        call.expire()
      }
    }
    calls = calls.slice(first)
    first = 0
    if (open > 0) arm()
  }
  const arm = (): void => {
    // One timer for the calls of many units: it is none of theirs.
    timer ??= withoutScope(() => clock.setTimeout(tick, timeoutMs / TICKS))
  }

  return {
    begin(expire) {
      const call: Pending = { expire, since: ticks, over: false }
      calls.push(call)
      open += 1
      if (timer === undefined) arm()
      return call
    },
    done(call) {
      if (call.over) return
      call.over = true
      open -= 1
      if (open === 0) calls.length = first = 0
    },
    close() {
      timer?.()
      timer = undefined
      for (const call of calls) {
        if (call.over) continue
        call.over = true
        call.expire()
      }
      calls = []
      first = open = 0
    },
  }
}
