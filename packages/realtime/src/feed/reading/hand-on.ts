import { emit, withCarrier, type Clock } from '@msc/core'
import type { Lanes } from '../lanes.ts'
import { tellMissed, tellMore, toMessage, type EventRow, type FeedMessage } from '../message.ts'

export interface HandingOnPorts {
  publish(message: FeedMessage): void
  /** Where something has to happen before a message is told. */
  readonly lanes: Lanes | undefined
  readonly clock: Clock
  report(error: unknown, operation: string): void
}

/** Hands on what was read, each behind what has to happen before. */
export interface HandingOn {
  row(row: EventRow): void
  /**
   * That something was missed which can't be read any more. Resolves when it was told; what is handed on afterwards reaches nobody
   * who has not heard of it.
   */
  missed(): Promise<void>
}

export function createHandingOn({ publish, lanes, clock, report }: HandingOnPorts): HandingOn {
  /** The trace of the work that wrote the row goes on in whoever hears of it. */
  const pass = (message: FeedMessage): void => {
    const { topic, event, traceparent } = message
    withCarrier(traceparent === undefined ? {} : { traceparent }, () => {
      const from = clock.monotonic()
      publish(message)
      emit('realtime.publish', { topic, event, outcome: 'ok' }, from)
    })
  }
  /** One that can't be handed on costs itself alone: its listeners are told that there is something, and the next one is. */
  const tell = (message: FeedMessage): void => {
    try {
      pass(message)
    } catch (error) {
      report(error, 'hand on a row')
      try {
        publish(tellMore(message.topic, 'more', message))
      } catch (cause) {
        report(cause, 'tell of a row')
      }
    }
  }
  return {
    row(row) {
      const message = toMessage(row)
      // Whoever is taken out goes at once, and what can't be read announces nothing.
      if (!lanes || message.kind === 'access' || message.kind === 'more') return tell(message)
      lanes.deliver(message, row.xmin, (earliest) => tell(toMessage(row, earliest)))
    },
    async missed() {
      const message = tellMissed()
      await lanes?.settle(message.topic, [message])
      tell(message)
    },
  }
}
