import '@msc/core'

declare module '@msc/core' {
  /** The operations that this package reports: see `emit`. */
  interface Operations {
    'realtime.publish': { topic: string; event: string; outcome: 'ok' | 'error' }
    'realtime.receive': { topic: string; event: string }
    'realtime.gap': { topic: string }
    /** A server told the members of a topic, or of all of them, that they may have missed something. */
    'realtime.missed': { topic?: string }
    /** A server sent members out of a topic. */
    'realtime.kick': { topic: string; count: number }
    /** A server ended connections, and with `revoke` took back their tokens. */
    'realtime.disconnect': { count: number }
    'realtime.revoke': { count: number }
    /** How a server is doing: once in `sampleMs`, while it has something to do. What is counted is of that time. */
    'realtime.sample': {
      connections: number
      rooms: number
      members: number
      joins: number
      leaves: number
      broadcasts: number
      deliveries: number
      refused: number
      waitingBytes: number
      feedWaiting?: number
      feedLagMs?: number
      outboxBytes?: number
      busWaiting?: number
      busDropped?: number
      /** Why it is not as it should be, by a comma; empty while it is. */
      degraded: string
    }
  }
}
