import { createRedactor, runReported, systemClock, type Clock } from '@msc/core'
import { createBrowserStore, onLeaving, type StoreLocks } from '@msc/core/delivery'
import type { Analytics, FlagValue } from '../analytics.ts'
import { createAnalytics } from '../create-analytics.ts'
import { asFlagValue } from '../flags/evaluate.ts'
import type { Evaluation, Subject } from '../messages.ts'
import { readId } from '../recording/bad-call.ts'
import type { BrowserAnalyticsConfig, BrowserParts, Moment } from './config.ts'
import { createConsent, type Consent } from './consent.ts'
import { createEnvelopeReader } from './read-envelope.ts'
import { createVisitor, type Visitor } from './visitor.ts'

/** The part of the browser entry point that loads late: the same engine as on a server, and the visitor's identity. */
export interface BrowserEngine {
  readonly analytics: Analytics
  track(event: string, properties: object, moment: Moment): void
  page(path: string, moment: Moment): void
  identify(distinctId: string, properties: object, moment: Moment): void
  setProperties(properties: object, moment: Moment): void
  reset(): void
  /** The visitor's answer on consent may have changed; asks again. */
  consentChanged(): void
  /** `undefined` for a flag that neither the server nor the backend has evaluated. */
  flag(name: string): FlagValue | undefined
  /** Records that the visitor was shown the flag's value. */
  expose(name: string, moment: Moment): void
  /** False when nothing can record. */
  startRecording(): boolean
  stopRecording(): boolean
}

export interface BrowserEngineOptions {
  readonly clock?: Clock
  readonly storage?: Storage | undefined
  /** Default: the page's Web Locks; `null` for none. */
  readonly locks?: StoreLocks | null | undefined
}

/** How long the last delivery may take when the page is left, in milliseconds. The page runs no code after it. */
const LEAVING_MS = 1000

/** The state of one page. */
interface Page {
  readonly analytics: Analytics
  readonly visitor: Visitor
  readonly consent: Consent | undefined
  readonly clock: Clock
  readonly parts: BrowserParts
  /** By name: the server's values, or those that were evaluated for this visitor. */
  flags: ReadonlyMap<string, Evaluation>
  /** True when the server evaluated them. */
  areFromServer: boolean
  /** True once a person was identified on this page. */
  isIdentified: boolean
  /** Counts the people of this page, so that a late answer with flags is not taken for those of the next person. */
  person: number
}

export function createBrowserEngine(
  parts: BrowserParts,
  config: BrowserAnalyticsConfig,
  options: BrowserEngineOptions = {},
): BrowserEngine {
  const { clock = systemClock, storage, locks } = options
  const consent = config.persist && createConsent(config.persist, storage)
  const persist = consent?.given
  const read = createEnvelopeReader({ clean: createRedactor(), now: clock.now })
  const analytics = createAnalytics({
    driver: parts.driver,
    flags: parts.flags,
    release: config.release,
    source: 'browser',
    flushIntervalMs: 1000,
    // Longer than on a server: no call waits for this, and phones are slow.
    flagTimeoutMs: 5000,
    maxQueue: 2000,
    maxQueueBytes: 2 * 1024 * 1024,
    clock,
    ...(persist && {
      store: ({ name }) =>
        createBrowserStore({ name: `analytics:${name}`, consent: persist, read, storage, locks, clock }),
    }),
  })
  onLeaving(() => {
    analytics.leave(LEAVING_MS)
    consent?.given()
  })
  const onSomebodyElse = (): void => {
    parts.recorder?.stop()
    changePerson(page)
  }
  const page: Page = {
    analytics,
    visitor: createVisitor({
      clock,
      consent,
      storage,
      onSomebodyElse,
      onIdentified: (subject) => known(page, subject),
    }),
    consent,
    clock,
    parts,
    flags: given(config),
    areFromServer: config.flags !== undefined,
    isIdentified: false,
    person: 0,
  }
  if (!page.areFromServer) loadFlags(page)
  return engineOf(page)
}

function engineOf(page: Page): BrowserEngine {
  const { analytics, visitor, clock, parts } = page
  return {
    analytics,
    track: (event, properties, moment) =>
      void analytics.record(visitor.subject(moment.at), { kind: 'track', event, properties }, moment),
    page: (path, moment) => void analytics.record(visitor.subject(moment.at), { kind: 'page', path }, moment),
    identify: (distinctId, properties, moment) => identify(page, distinctId, properties, moment),
    setProperties: (set, moment) =>
      void analytics.record(visitor.subject(moment.at), { kind: 'identify', set }, moment),
    reset() {
      parts.recorder?.stop()
      visitor.forget()
      changePerson(page)
    },
    consentChanged: () => void page.consent?.given(),
    flag(name) {
      // The browser's event for a change by another tab comes a moment later than the change.
      visitor.follow()
      const found = page.flags.get(name)
      return found && asFlagValue(found)
    },
    expose(name, moment) {
      visitor.follow()
      const found = page.flags.get(name)
      if (found) analytics.expose(visitor.subject(moment.at), name, found, moment)
    },
    startRecording() {
      const { recorder } = parts
      if (!recorder) return false
      // The recording gets the session of the events, so that it can be found from them.
      const start = (): unknown => recorder.start(visitor.subject(clock.now()))
      runReported(start, { concern: 'analytics', operation: 'startRecording' })
      return true
    },
    stopRecording() {
      parts.recorder?.stop()
      return parts.recorder !== undefined
    },
  }
}

function identify(page: Page, input: unknown, properties: object, moment: Moment): void {
  const { analytics, visitor, parts } = page
  let distinctId: string
  try {
    distinctId = readId(input, 'distinctId')
  } catch {
    // The input is invalid: the engine counts and reports it, and the visitor stays the same.
    void analytics.identify(input as string, properties, moment)
    return
  }
  const before = visitor.subject(moment.at, false).distinctId
  const subject = visitor.become(distinctId, moment.at)
  // The server evaluated its flags for the person whom the page identifies first, whoever was stored before.
  const areTheirs = page.areFromServer && !page.isIdentified
  page.isIdentified = true
  if (subject && before !== undefined && before !== distinctId && !areTheirs) {
    parts.recorder?.identify(subject)
    changePerson(page)
  } else if (subject) known(page, subject)
  if (subject || hasProperties(properties)) {
    let isLost = false
    const options = { ...moment, onLost: () => (isLost = true) }
    void analytics.record(subject ?? visitor.subject(moment.at), { kind: 'identify', set: properties }, options)
    // An identification that found no room has to be repeated, with the past.
    if (!isLost) visitor.merged(distinctId)
  }
}

/**
 * The visitor is now known as this person. Flags that were evaluated for the visitor stay valid until the new ones
 * come.
 */
function known(page: Page, subject: Subject): void {
  page.parts.recorder?.identify(subject)
  if (!page.areFromServer) loadFlags(page)
}

/** True when there is a property. Properties that can't be read are left to the engine, which counts them. */
function hasProperties(properties: object): boolean {
  try {
    return Object.keys(Object(properties) as object).length > 0
  } catch {
    return true
  }
}

/** Drops everything that was evaluated for the person before. */
function changePerson(page: Page): void {
  page.flags = new Map()
  page.areFromServer = false
  loadFlags(page)
}

/** Deferred for a moment, so that a visitor who is identified as the page loads causes one request. */
function loadFlags(page: Page): void {
  page.person += 1
  const { analytics, visitor, clock, parts, person } = page
  if (!parts.flags) return
  clock.setTimeout(() => {
    if (page.person !== person) return
    void analytics.evaluateFlags(visitor.subject(clock.now(), false)).then((flags) => {
      if (page.person === person && flags.size > 0) page.flags = flags
    })
  }, 0)
}

function given({ flags = {} }: BrowserAnalyticsConfig): ReadonlyMap<string, Evaluation> {
  return new Map(Object.entries(flags).map(([name, value]) => [name, { value, reason: 'static' }]))
}
