import type {} from '@msc/core'

declare module '@msc/core' {
  /** The operations that this package reports: see `emit`. */
  interface Operations {
    'monitoring.capture': { fingerprint: string; outcome: 'ok' | 'dropped' }
  }
}
