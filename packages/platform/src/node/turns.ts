import type { Clock } from '@msc/core'

/** Lets those who come together go on one after the other. */
export interface Turns {
  /**
   * Resolves when it is this client's turn: at once while nobody waits. Clients take turns, whoever has sent how much. When too many
   * wait, it resolves to false for the last of the client that has the most. Never rejects.
   *
   * @param gone Says whether the client has given up, which costs nobody a turn.
   * @param isPreferred Belongs to those who are preferred. These have every second turn and half of the room, however many others
   *   come, and so have the others: those who are preferred are few, so that they hardly wait, and one of them who sends without end
   *   keeps nobody else out.
   */
  take(client: string, gone: () => boolean, isPreferred?: boolean): Promise<boolean>
  /** How many wait. */
  readonly waiting: number
}

/** Those who are preferred, or all others. */
interface Class {
  /** By client. A map keeps the order of insertion, and whoever has had a turn is inserted again at the end. */
  readonly lines: Map<string, Waiting[]>
  waiting: number
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
  most: room,
  clock,
}: {
  readonly gapMs: number
  readonly most: number
  readonly clock: Clock
}): Turns {
  const preferred: Class = { lines: new Map(), waiting: 0 }
  const others: Class = { lines: new Map(), waiting: 0 }
  /** Whose turn it was last. */
  let last = others
  let taken = false
  const besides = (one: Class): Class => (one === preferred ? others : preferred)

  const next = (): void => {
    taken = false
    const first = besides(last)
    last = letOneGoOn(first) || !letOneGoOn(last) ? first : last
  }
  const letOneGoOn = (those: Class): boolean => {
    const { lines } = those
    for (const [client, line] of lines) {
      const first = line.shift() as Waiting
      those.waiting -= 1
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
  const takeAway = (those: Class, moreThan: number): boolean => {
    let most: readonly [string, Waiting[]] | undefined
    for (const entry of those.lines) if (entry[1].length > (most?.[1].length ?? moreThan)) most = entry
    if (!most) return false
    const [client, line] = most
    those.waiting -= 1
    line.pop()?.go(false)
    if (line.length === 0) those.lines.delete(client)
    return true
  }
  const makeRoomFor = (client: string, own: Class): boolean => {
    if (own.waiting < Math.ceil(room / 2)) return takeAway(besides(own), 0)
    return takeAway(own, (own.lines.get(client)?.length ?? 0) + 1)
  }
  return {
    get waiting() {
      return preferred.waiting + others.waiting
    },
    take(client, gone, isPreferred = false) {
      if (!taken) {
        hold()
        return Promise.resolve(true)
      }
      const own = isPreferred ? preferred : others
      if (preferred.waiting + others.waiting >= room && !makeRoomFor(client, own)) return Promise.resolve(false)
      own.waiting += 1
      const { lines } = own
      return new Promise((resolve) => {
        const line = lines.get(client)
        const place = { gone, go: resolve }
        if (line) line.push(place)
        else lines.set(client, [place])
      })
    },
  }
}
