import '@msc/core'

declare module '@msc/core' {
  /** The operations that this package reports: see `emit`. */
  interface Operations {
    'realtime.publish': { topic: string; event: string; outcome: 'ok' | 'error' }
    'realtime.receive': { topic: string; event: string }
    'realtime.gap': { topic: string }
  }
}
