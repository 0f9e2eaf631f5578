import type {} from '@msc/analytics'
import type {} from '@msc/core'

declare module '@msc/core' {
  /** The records that this package writes: see `recordTelemetry`. */
  interface JournalKinds {
    span: true
    run: true
    step: true
  }
}
