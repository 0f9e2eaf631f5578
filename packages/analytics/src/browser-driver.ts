import type { FlagValue } from './driver.ts'

/** A backend of the browser entry point. It may load late: the stub replays what happened before, in order. */
export interface BrowserAnalyticsDriver {
  readonly name: string
  /** `at` in milliseconds since the epoch: when it happened, which may be before the driver was there. */
  track(event: string, properties: Record<string, unknown>, at: number): void
  identify(distinctId: string, properties: Record<string, unknown>): void
  setProperties(properties: Record<string, unknown>): void
  /** Forgets the person, as on sign-out. */
  reset(): void
  getFlag(flag: string): FlagValue | undefined
  /** False when the backend can't record sessions. */
  startRecording(): boolean
  stopRecording(): boolean
}
