import '@msc/core'

declare module '@msc/core' {
  /** The operations that this package reports: see `emit`. */
  interface Operations {
    'jobs.send': { event: string; outcome: 'ok' | 'error' }
    'jobs.run': {
      job: string
      runId: string
      outcome: 'completed' | 'failed' | 'cancelled' | 'retrying' | 'parked'
      error?: string
    }
    'jobs.step': {
      job: string
      runId: string
      step: string
      attempt: number
      outcome: 'ok' | 'error' | 'rolled-back'
      error?: string
    }
  }
}
