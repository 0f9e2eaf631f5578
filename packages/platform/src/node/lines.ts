/**
 * Those who wait for what few can have at a time. Clients take turns, whoever has sent how much; and those who are preferred have
 * every second turn and half of the places, however many others wait, as the others have. What one half leaves, the other may use.
 */
export interface Lines<T> {
  /**
   * Gives somebody the last place of a client.
   *
   * @returns Who has lost a place for that: the last one of the client that has the most, or the one who asked.
   */
  add(who: T, client: string, isPreferred: boolean): T | undefined
  /** Says whether somebody would get a place. */
  hasRoom(isPreferred: boolean, client: string): boolean
  /** Takes the next one out who is accepted; those who are not have lost their place. */
  next(accept?: (who: T) => boolean): T | undefined
  /** Takes somebody out who does not want to wait any more. */
  leave(who: T): void
  /** Takes everybody out. */
  clear(): T[]
  readonly waiting: number
}

/** Those who are preferred, or all others. */
interface Half<T> {
  /** By client. A map keeps the order of insertion, and whoever has had a turn is inserted again at the end. */
  readonly lines: Map<string, T[]>
  waiting: number
}

/** @param most How many places there are. */
export function createLines<T>(most: number): Lines<T> {
  const preferred: Half<T> = { lines: new Map(), waiting: 0 }
  const others: Half<T> = { lines: new Map(), waiting: 0 }
  /** Whose turn it was last. */
  let last = others
  const besides = (half: Half<T>): Half<T> => (half === preferred ? others : preferred)
  const halfOf = (isPreferred: boolean): Half<T> => (isPreferred ? preferred : others)
  const isFull = (): boolean => preferred.waiting + others.waiting >= most

  /** Finds the client that has the most places, and more than `moreThan`. */
  const largest = ({ lines }: Half<T>, moreThan: number): string | undefined => {
    let found: string | undefined
    let length = moreThan
    for (const [client, line] of lines) {
      if (line.length <= length) continue
      found = client
      length = line.length
    }
    return found
  }
  /** Finds whose place somebody may have when there is none left. */
  const loser = (half: Half<T>, client: string): readonly [Half<T>, string] | undefined => {
    // Less than the half that is theirs: the others have more than theirs.
    const from = half.waiting < Math.ceil(most / 2) ? besides(half) : half
    const found = largest(from, from === half ? (half.lines.get(client)?.length ?? 0) + 1 : 0)
    return found === undefined ? undefined : [from, found]
  }
  const takeFrom = (half: Half<T>, client: string, index: number): T | undefined => {
    const line = half.lines.get(client)
    const [who] = line?.splice(index, 1) ?? []
    if (who === undefined) return undefined
    half.waiting -= 1
    if (line?.length === 0) half.lines.delete(client)
    return who
  }
  const nextOf = (half: Half<T>, accept: (who: T) => boolean): T | undefined => {
    for (const [client, line] of half.lines) {
      const who = takeFrom(half, client, 0)
      half.lines.delete(client)
      if (line.length > 0) half.lines.set(client, line)
      if (who !== undefined && accept(who)) return who
    }
    return undefined
  }
  return {
    add(who, client, isPreferred) {
      const half = halfOf(isPreferred)
      let lost: T | undefined
      if (isFull()) {
        const found = loser(half, client)
        if (!found) return who
        lost = takeFrom(...found, -1)
      }
      half.waiting += 1
      const line = half.lines.get(client)
      if (line) line.push(who)
      else half.lines.set(client, [who])
      return lost
    },
    hasRoom: (isPreferred, client) => !isFull() || loser(halfOf(isPreferred), client) !== undefined,
    next(accept = () => true) {
      const first = besides(last)
      const who = nextOf(first, accept)
      if (who !== undefined) {
        last = first
        return who
      }
      return nextOf(last, accept)
    },
    leave(who) {
      for (const half of [preferred, others]) {
        for (const [client, line] of half.lines) {
          const index = line.indexOf(who)
          if (index !== -1) return void takeFrom(half, client, index)
        }
      }
    },
    clear() {
      const all = [preferred, others].flatMap(({ lines }) => [...lines.values()].flat())
      for (const half of [preferred, others]) {
        half.lines.clear()
        half.waiting = 0
      }
      return all
    },
    get waiting() {
      return preferred.waiting + others.waiting
    },
  }
}
