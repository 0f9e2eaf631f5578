export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}

/** Whom a message is about: at least one of the first two ids is there, both for a visitor who has become known. */
export interface Subject {
  /** A person the application knows. Never redacted or cut: two people must not become one. */
  readonly distinctId?: string
  /** A visitor before that; beside a `distinctId` it is the same person's. */
  readonly anonymousId?: string
  readonly sessionId?: string
  readonly deviceId?: string
  /** Type of a group → its key, such as `company` → `msc`. */
  readonly groups?: Readonly<Record<string, string>>
}

/** Something happened. */
export interface TrackMessage {
  readonly kind: 'track'
  readonly event: string
  readonly properties: JsonObject
}

/** What is known of the person. Where the subject has both ids, they are one person from now on. */
export interface IdentifyMessage {
  readonly kind: 'identify'
  readonly set?: JsonObject
  /** Only where there is no value yet. */
  readonly setOnce?: JsonObject
  readonly unset?: readonly string[]
}

/** `alias` is another id of the subject. */
export interface AliasMessage {
  readonly kind: 'alias'
  readonly alias: string
}

/** What is known of a group, whoever said it. */
export interface GroupMessage {
  readonly kind: 'group'
  readonly type: string
  readonly groupKey: string
  readonly set?: JsonObject
}

/** A page was looked at. */
export interface PageMessage {
  readonly kind: 'page'
  readonly path: string
  readonly title?: string
  readonly properties?: JsonObject
}

/** A person met a flag. */
export interface ExposureMessage {
  readonly kind: 'exposure'
  readonly flag: string
  readonly evaluation: Evaluation
}

/** A call of a model. */
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

/** Tokens. */
export interface AiUsage {
  readonly input?: number
  readonly output?: number
  /** Where nobody knows its parts. */
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

/** Where in a browser it happened. Addresses have no query and no fragment. */
export interface PageContext {
  readonly url?: string
  readonly referrer?: string
  readonly title?: string
  readonly userAgent?: string
}

/** A message on its way to a backend: redacted, plain JSON. */
export interface Envelope {
  /** A UUID; a backend that sees it twice keeps it once. */
  readonly id: string
  /** Milliseconds since the epoch, when it happened. */
  readonly at: number
  readonly subject: Subject
  readonly message: Message
  readonly source: 'server' | 'browser'
  readonly traceId?: string
  readonly release?: string
  readonly page?: PageContext
}

/**
 * Why a flag has its value, in OpenFeature's words: `targeting_match`, a rule named this person; `split`, a share of
 * people; `static`, the same for everybody; `override`, set for this person by hand; `disabled`, the flag is off;
 * `default`, nothing applied, or nobody knows the flag; `stale`, an earlier answer; `error`, see `errorCode`.
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

/** A flag's value for somebody. */
export interface Evaluation {
  /** `false` is off. A backend of variants gives the variant's name, or `true` for a flag without any. */
  readonly value: Json
  readonly variant?: string
  readonly payload?: Json
  readonly reason: EvaluationReason
  /** The definition's. */
  readonly version?: string
  /** Names the evaluation at the backend. */
  readonly evaluationId?: string
  readonly errorCode?: string
}
