import type { Clock } from '@msc/core'

/** Lets those who come together go on one after the other. */
export interface Turns {
  /**
   * Resolves when it is this client's turn: at once while nobody waits. Clients take turns, whoever has sent how much. When too many
   * wait, it resolves to false for the last of the client that has the most. Never rejects.
   *
   * @param gone Says whether the client has given up, which costs nobody a turn.
   */
  take(client: string, gone: () => boolean): Promise<boolean>
  /** How many wait. */
  readonly waiting: number
}

interface Waiting {
  readonly gone: () => boolean
  readonly go: (room: boolean) => void
}

/**
 * Each goes on in a turn of the event loop of its own, so that what hundreds do at once never adds up to one long stop.
 *
 * @param options.gapMs Milliseconds from one to the next at least; 0 for the next turn of the event loop.
 * @param options.most How many may wait.
 */
export function createTurns({
  gapMs,
  most,
  clock,
}: {
  readonly gapMs: number
  readonly most: number
  readonly clock: Clock
}): Turns {
  /** By client. A map keeps the order of insertion, and whoever has had a turn is inserted again at the end. */
  const lines = new Map<string, Waiting[]>()
  let waiting = 0
  let taken = false

  const next = (): void => {
    taken = false
    for (const [client, line] of lines) {
      const first = line.shift() as Waiting
      waiting -= 1
      lines.delete(client)
      if (line.length > 0) lines.set(client, line)
      const gone = first.gone()
      if (!gone) hold()
      first.go(true)
      if (!gone) return
    }
  }
  const hold = (): void => {
    taken = true
    if (gapMs > 0) clock.setTimeout(next, gapMs)
    else setImmediate(next)
  }
  /** Takes a place away from whoever has more of them than this client would have. */
  const makeRoomFor = (client: string): boolean => {
    let longest = lines.get(client) ?? []
    const least = longest.length + 1
    for (const line of lines.values()) if (line.length > longest.length) longest = line
    if (longest.length <= least) return false
    waiting -= 1
    longest.pop()?.go(false)
    return true
  }
  return {
    get waiting() {
      return waiting
    },
    take(client, gone) {
      if (!taken) {
        hold()
        return Promise.resolve(true)
      }
      if (waiting >= most && !makeRoomFor(client)) return Promise.resolve(false)
      waiting += 1
      return new Promise((resolve) => {
        const line = lines.get(client)
        const place = { gone, go: resolve }
        if (line) line.push(place)
        else lines.set(client, [place])
      })
    },
  }
}
