import type { FlagValue } from '../analytics.ts'
import type { AnalyticsDriver, FlagSource, SessionRecorder } from '../driver.ts'

export interface BrowserAnalyticsConfig {
  /** PostHog's project key; without one events go to `ingestUrl`. */
  readonly key?: string
  readonly host?: string
  readonly ingestUrl?: string
  readonly release?: string
  /**
   * Flags as the server evaluated them for this person: the first render agrees with the server, nothing flickers, and
   * no other flags are asked for. They hold until somebody else is identified.
   */
  readonly flags?: Readonly<Record<string, FlagValue>>
  /**
   * May anything be kept on this device? Asked at each use. Where it answers true, the visitor's identity and what could
   * not be delivered outlive the page; without it nothing is stored, and a visitor who was not identified is a new one
   * on each load. Where it answers false, as the page loads or later, all that was stored before is deleted: call
   * `consentChanged` when the answer changes, so that it is asked at once.
   */
  readonly persist?: () => boolean
  /** Backends of your own. */
  readonly load?: () => Promise<BrowserParts>
}

/** What a page's engine is made of. */
export interface BrowserParts {
  readonly driver: AnalyticsDriver | readonly AnalyticsDriver[]
  readonly flags?: FlagSource | undefined
  readonly recorder?: SessionRecorder | undefined
}

/** When and where a call was made, which may be before there was an engine. */
export interface Moment {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly page?: {
    readonly url: string
    readonly referrer: string
    readonly title: string
    readonly userAgent: string
  }
}
