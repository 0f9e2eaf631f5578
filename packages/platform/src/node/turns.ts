import type { Clock } from '@msc/core'
import { createLines } from './lines.ts'

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
  const lines = createLines<Waiting>(most)
  let taken = false

  const next = (): void => {
    taken = false
    const first = lines.next(({ gone, go }) => {
      if (!gone()) return true
      // Costs nobody a turn.
      go(true)
      return false
    })
    if (!first) return
    hold()
    first.go(true)
  }
  const hold = (): void => {
    taken = true
    if (gapMs > 0) clock.setTimeout(next, gapMs)
    else setImmediate(next)
  }
  return {
    get waiting() {
      return lines.waiting
    },
    take(client, gone, isPreferred = false) {
      if (!taken) {
        hold()
        return Promise.resolve(true)
      }
      return new Promise((resolve) => lines.add({ gone, go: resolve }, client, isPreferred)?.go(false))
    },
  }
}
