// Without a version: what it promises (code, retryable, hint) is what every version reads.
const MARKER = Symbol.for('@msc/error')

/** Options of every {@link MscError}. */
export interface MscErrorOptions {
  /** Stable, machine-readable, SCREAMING_SNAKE_CASE. Part of the public interface: changing one is a breaking change. */
  readonly code: string
  /** Would the same call possibly succeed later, with nothing changed by the caller? Default false. */
  readonly retryable?: boolean
  /** What the reader should do next, in one sentence. */
  readonly hint?: string
  readonly cause?: unknown
}

/**
 * The base of every error that a `@msc/*` package throws on purpose.
 *
 * A marker, not `instanceof`, identifies it, because a bundler may include a package twice.
 */
export class MscError extends Error {
  // Declared: the constructor sets them, and as fields every page would carry them twice.
  declare readonly code: string
  declare readonly retryable: boolean
  declare readonly hint: string | undefined

  constructor(message: string, options: MscErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    // Defined, not assigned: an assignment fails where Error.prototype is frozen, as under SES.
    Object.defineProperty(this, 'name', { value: new.target.name, configurable: true, writable: true })
    this.code = options.code
    this.retryable = options.retryable ?? false
    this.hint = options.hint
    Object.defineProperty(this, MARKER, { value: true })
  }

  /** Is it an error of these packages, of whichever copy? Never throws. On a subclass it asks no more than here. */
  static isInstance(value: unknown): value is MscError {
    return typeof value === 'object' && readField(value, MARKER) === true
  }
}

/** The configuration is missing, half set or contradictory. Never retryable: a person has to change something. */
export class ConfigError extends MscError {}

/** An argument or payload does not have the required shape; nothing was stored or sent. */
export class ValidationError extends MscError {
  declare readonly issues: readonly ValidationIssue[]
  constructor(message: string, issues: readonly ValidationIssue[], options: MscErrorOptions) {
    super(message, options)
    this.issues = issues
  }
}

/**
 * Is it a {@link ValidationError}, of whichever copy of this package? By its marker and its issues; never throws. A
 * function of its own, since a page that never asks must not carry it; the inherited `isInstance` says yes to every one of our errors.
 */
export function isValidationError(value: unknown): value is ValidationError {
  return MscError.isInstance(value) && Array.isArray(readField(value, 'issues'))
}

export interface ValidationIssue {
  readonly message: string
  /** Property path, for example `tracks.0.title`; empty for the value itself. */
  readonly path: string
}

/** A call did not finish within its deadline. Retryable. */
export class DeadlineError extends MscError {
  declare readonly timeoutMs: number
  constructor(operation: string, timeoutMs: number) {
    super(`${operation} did not answer within ${timeoutMs} ms.`, { code: 'DEADLINE_EXCEEDED', retryable: true })
    this.timeoutMs = timeoutMs
  }
}

/** The backend is known to be away (breaker open, or not connected), so the call was not attempted. Retryable. */
export class UnavailableError extends MscError {
  constructor(message: string, options: Partial<MscErrorOptions> = {}) {
    super(message, { code: 'UNAVAILABLE', retryable: true, ...options })
  }
}

export interface DriverErrorOptions extends Partial<MscErrorOptions> {
  /** Milliseconds after which the backend said that it may be asked again. */
  readonly retryAfterMs?: number
  /**
   * What a refusal is about. `content`: this call's, and a smaller or another one may be taken. `backend` (the default):
   * the address, the credentials or the account, and every call would be told the same.
   */
  readonly refuses?: 'content' | 'backend'
}

/** The only error a driver throws: a backend refused, failed or answered nonsense. */
export class DriverError extends MscError {
  readonly driver: string
  readonly retryAfterMs: number | undefined
  readonly refuses: 'content' | 'backend'
  constructor(driver: string, message: string, options: DriverErrorOptions = {}) {
    super(`[${driver}] ${message}`, { code: 'DRIVER_FAILED', ...options })
    this.driver = driver
    this.retryAfterMs = options.retryAfterMs
    this.refuses = options.refuses ?? 'backend'
  }
}

/** A property of a foreign value; `undefined` where it can not be read. Never throws. */
export function readField(value: unknown, name: string | symbol): unknown {
  try {
    return (value as Readonly<Record<string | symbol, unknown>> | null | undefined)?.[name]
  } catch {
    return undefined
  }
}

/** Any thrown value as an `Error`, keeping the original as `cause` where it was none. Never throws. */
export function toError(value: unknown): Error {
  try {
    if (value instanceof Error) return value
  } catch {
    // A revoked proxy answers no question.
  }
  return typeof value === 'string' ? new Error(value) : new Error('A non-Error was thrown.', { cause: value })
}

/** Is it an `Error` of this realm? `instanceof` that never throws. */
export function isError(value: unknown): value is Error {
  return toError(value) === value
}
