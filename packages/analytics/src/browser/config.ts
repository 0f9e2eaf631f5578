import type { FlagValue } from '../analytics.ts'
import type { AnalyticsDriver, FlagSource, SessionRecorder } from '../driver.ts'

export interface BrowserAnalyticsConfig {
  /** PostHog's project key. Without one, events go to `ingestUrl`. */
  readonly key?: string
  readonly host?: string
  readonly ingestUrl?: string
  readonly release?: string
  /**
   * Flags that the server evaluated for this person: the first render agrees with the server, nothing flickers, and no
   * other flags are requested. They are valid until another person is identified.
   */
  readonly flags?: Readonly<Record<string, FlagValue>>
  /**
   * Says whether anything may be stored on this device; called at each use. While it returns true, the visitor's
   * identity and undelivered events outlive the page. Without it nothing is stored, and a visitor who is not identified
   * is a new one on each load. When it returns false, on load or later, everything that was stored is deleted: call
   * `consentChanged` when the answer changes, so that this happens at once.
   */
  readonly persist?: () => boolean
  /** Loads backends of your own. */
  readonly load?: () => Promise<BrowserParts>
}

/** The backends that a page's engine is made of. */
export interface BrowserParts {
  readonly driver: AnalyticsDriver | readonly AnalyticsDriver[]
  readonly flags?: FlagSource | undefined
  readonly recorder?: SessionRecorder | undefined
}

/** The time and place of a call, which may be earlier than the engine. */
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
