import '@msc/core'

declare module '@msc/core' {
  /** The operations that this package reports: see `emit`. */
  interface Operations {
    'monitoring.capture': { fingerprint: string; outcome: 'ok' | 'dropped' }
  }
  /** The records that this package writes: see `Journal`. */
  interface JournalKinds {
    error: true
    message: true
    log: true
    span: true
    metric: true
    'check-in': true
    session: true
    feedback: true
    drops: true
    breadcrumb: true
  }
}
