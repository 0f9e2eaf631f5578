import '@msc/core'

declare module '@msc/core' {
  /** The operations that this package reports; see `emit`. */
  interface Operations {
    'cron.run': { job: string; scheduledAt: number; outcome: 'ok' | 'error' | 'skipped'; error?: string }
  }
}
