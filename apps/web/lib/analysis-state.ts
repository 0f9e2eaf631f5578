import { getDefaultJobs } from '@msc/jobs'
import { analysisEventId, outbox } from './outbox.ts'
import type { Release } from './releases.ts'

export interface AnalysisState {
  /** `lost`: it was asked for, and nothing does it. `unknown`: the engine can't be asked. */
  readonly state: 'none' | 'queued' | 'running' | 'done' | 'failed' | 'lost' | 'unknown'
  /** Why it failed, for the artist to read. */
  readonly error?: string
}
