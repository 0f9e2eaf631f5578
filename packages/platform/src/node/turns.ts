import type { Clock } from '@msc/core'

/** Lets those who come together go on one after the other. */
export interface Turns {
  /**
   * Resolves when it is this client's turn: at once while nobody waits. Clients take turns, whoever has sent how much. When too many
   * wait, it resolves to false for the last of the client that has the most. Never rejects.
   *
   * @param gone Says whether the client has given up, which costs nobody a turn.
   * @param isPreferred Its turn comes before those of all who are not, and its place is taken away by no one of them.
   */
  take(client: string, gone: () => boolean, isPreferred?: boolean): Promise<boolean>
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
  const preferred = new Map<string, Waiting[]>()
  const others = new Map<string, Waiting[]>()
  let waiting = 0
  let taken = false

  const next = (): void => {
    taken = false
    if (!letOneGoOn(preferred)) letOneGoOn(others)
  }
  const letOneGoOn = (lines: Map<string, Waiting[]>): boolean => {
    for (const [client, line] of lines) {
      const first = line.shift() as Waiting
      waiting -= 1
      lines.delete(client)
      if (line.length > 0) lines.set(client, line)
      const gone = first.gone()
      if (!gone) hold()
      first.go(true)
      if (!gone) return true
    }
    return false
  }
  const hold = (): void => {
    taken = true
    if (gapMs > 0) clock.setTimeout(next, gapMs)
    else setImmediate(next)
  }
  /** Takes the last place of the client that has the most of them, and more than `moreThan`. */
  const takeAway = (lines: Map<string, Waiting[]>, moreThan: number): boolean => {
    let most: readonly [string, Waiting[]] | undefined
    for (const entry of lines) if (entry[1].length > (most?.[1].length ?? moreThan)) most = entry
    if (!most) return false
    const [client, line] = most
    waiting -= 1
    line.pop()?.go(false)
    if (line.length === 0) lines.delete(client)
    return true
  }
  const makeRoomFor = (client: string, isPreferred: boolean): boolean => {
    const own = ((isPreferred ? preferred : others).get(client)?.length ?? 0) + 1
    return isPreferred ? takeAway(others, 0) || takeAway(preferred, own) : takeAway(others, own)
  }
  return {
    get waiting() {
      return waiting
    },
    take(client, gone, isPreferred = false) {
      if (!taken) {
        hold()
        return Promise.resolve(true)
      }
      if (waiting >= most && !makeRoomFor(client, isPreferred)) return Promise.resolve(false)
      waiting += 1
      const lines = isPreferred ? preferred : others
      return new Promise((resolve) => {
        const line = lines.get(client)
        const place = { gone, go: resolve }
        if (line) line.push(place)
        else lines.set(client, [place])
      })
    },
  }
}
