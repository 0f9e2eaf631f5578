export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}

/**
 * The person or visitor whom a message is about. At least one of the first two ids is present, and both for a visitor
 * who has just been identified.
 */
export interface Subject {
  /** A person whom the application knows. Never redacted or cut, so that two people never become one. */
  readonly distinctId?: string
  /** An anonymous visitor; beside a `distinctId` it is an id of the same person. */
  readonly anonymousId?: string
  readonly sessionId?: string
  readonly deviceId?: string
  /** Type of a group → its key, such as `company` → `msc`. */
  readonly groups?: Readonly<Record<string, string>>
}

/** An event happened. */
export interface TrackMessage {
  readonly kind: 'track'
  readonly event: string
  readonly properties: JsonObject
}

/** Sets properties of the person. If the subject has both ids, they belong to one person from now on. */
export interface IdentifyMessage {
  readonly kind: 'identify'
  readonly set?: JsonObject
  /** Set only if the property has no value yet. */
  readonly setOnce?: JsonObject
  readonly unset?: readonly string[]
}

/** Makes `alias` another id of the subject. */
export interface AliasMessage {
  readonly kind: 'alias'
  readonly alias: string
}

/** Sets properties of a group, whoever the subject is. */
export interface GroupMessage {
  readonly kind: 'group'
  readonly type: string
  readonly groupKey: string
  readonly set?: JsonObject
}

/** A page was viewed. */
export interface PageMessage {
  readonly kind: 'page'
  readonly path: string
  readonly title?: string
  readonly properties?: JsonObject
}

/** A person was shown a flag's value. */
export interface ExposureMessage {
  readonly kind: 'exposure'
  readonly flag: string
  readonly evaluation: Evaluation
}

/** A model was called. */
export interface AiMessage {
  readonly kind: 'ai'
  readonly operation: 'generation'
  readonly model?: string
  readonly provider?: string
  readonly usage?: AiUsage
  readonly latencyMs?: number
  readonly failed?: boolean
  readonly error?: string
}

/** Counts of tokens. */
export interface AiUsage {
  readonly input?: number
  readonly output?: number
  /** For providers that report only the total. */
  readonly total?: number
  readonly cacheRead?: number
  readonly cacheWrite?: number
  readonly reasoning?: number
}

export type Message =
  | TrackMessage
  | IdentifyMessage
  | AliasMessage
  | GroupMessage
  | PageMessage
  | ExposureMessage
  | AiMessage
export type MessageKind = Message['kind']

/** The page on which it happened. Addresses have no query and no fragment. */
export interface PageContext {
  readonly url?: string
  readonly referrer?: string
  readonly title?: string
  readonly userAgent?: string
}

/** A message on its way to a backend: redacted plain JSON. */
export interface Envelope {
  /** A UUID. A backend that receives it twice keeps it once. */
  readonly id: string
  /** When it happened, in milliseconds since the epoch. */
  readonly at: number
  readonly subject: Subject
  readonly message: Message
  readonly source: 'server' | 'browser'
  readonly traceId?: string
  readonly release?: string
  readonly page?: PageContext
}

/**
 * The reason for a flag's value, in OpenFeature's terms: `targeting_match`, a rule matched this person; `split`, a
 * share of people; `static`, the same for everybody; `override`, set for this person by hand; `disabled`, the flag is
 * off; `default`, no rule applied or the flag is unknown; `stale`, an earlier answer; `error`, see `errorCode`.
 */
export type EvaluationReason =
  | 'static'
  | 'targeting_match'
  | 'split'
  | 'override'
  | 'disabled'
  | 'default'
  | 'stale'
  | 'error'

/** A flag's value for one person. */
export interface Evaluation {
  /** `false` means off. A backend with variants gives the variant's name, or `true` for a flag without variants. */
  readonly value: Json
  readonly variant?: string
  readonly payload?: Json
  readonly reason: EvaluationReason
  /** The version of the flag's definition. */
  readonly version?: string
  /** Identifies the evaluation at the backend. */
  readonly evaluationId?: string
  readonly errorCode?: string
}
