import '@msc/core'

declare module '@msc/core' {
  /** The operations that this package reports; see `emit`. */
  interface Operations {
    'analytics.track': { event: string; outcome: 'ok' | 'dropped' }
    'flags.evaluate': { flag: string; value: string; reason: string }
  }
  /** The records that this package writes; see `Journal`. */
  interface JournalKinds {
    event: true
    exposure: true
  }
}
