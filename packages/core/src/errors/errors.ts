// The key has no version, because every version reads the same fields: code, retryable, hint.
const MARKER = Symbol.for('@msc/error')

/** Options of every {@link MscError}. */
export interface MscErrorOptions {
  /** Stable and machine-readable, in SCREAMING_SNAKE_CASE. Part of the public interface: changing it is a breaking change. */
  readonly code: string
  /** True if the same call may succeed later without a change by the caller. Default false. */
  readonly retryable?: boolean
  /** Says in a sentence or two what the reader should do next. */
  readonly hint?: string
  readonly cause?: unknown
}

/**
 * The base class of every error that the `@msc/*` packages throw on purpose.
 *
 * It is identified by a marker, not by `instanceof`, because a bundler may include a package twice.
 */
export class MscError extends Error {
  // Declared only: the constructor sets them, and class fields would add code to every page.
  declare readonly code: string
  declare readonly retryable: boolean
  declare readonly hint: string | undefined

  constructor(message: string, options: MscErrorOptions) {
    // A cause that is undefined would be printed as one.
    super(message, options.cause === undefined ? undefined : options)
    // An assignment would fail where Error.prototype is frozen, as under SES.
    Object.defineProperty(this, 'name', { value: new.target.name, configurable: true, writable: true })
    this.code = options.code
    this.retryable = options.retryable ?? false
    this.hint = options.hint
    Object.defineProperty(this, MARKER, { value: true })
  }

  /**
   * Says whether a value is an error of these packages, from any copy of them. Never throws. It can't tell the classes
   * apart, so the subclasses don't have it: see {@link isDriverError} and {@link isValidationError}, or read `code`.
   */
  static isInstance(value: unknown): value is MscError {
    return readField(value, MARKER) === true
  }
}

/** The configuration is missing, half set or contradictory. Never retryable: someone has to change it. */
export class ConfigError extends MscError {
  declare static readonly isInstance: never
}

/** An argument or payload does not have the required shape; nothing was stored or sent. */
export class ValidationError extends MscError {
  declare static readonly isInstance: never
  declare readonly issues: readonly ValidationIssue[]
  constructor(message: string, issues: readonly ValidationIssue[], options: MscErrorOptions) {
    super(message, options)
    this.issues = issues
  }
}

/**
 * Says whether a value is a {@link ValidationError}, from any copy of this package, by its marker and its issues. Never
 * throws. It is a separate function so that pages without it don't load it.
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
  declare static readonly isInstance: never
  declare readonly timeoutMs: number
  constructor(operation: string, timeoutMs: number) {
    super(`${operation} did not answer within ${timeoutMs} ms.`, { code: 'DEADLINE_EXCEEDED', retryable: true })
    this.timeoutMs = timeoutMs
  }
}

/** The backend is known to be unavailable (breaker open or not connected), so the call was not attempted. Retryable. */
export class UnavailableError extends MscError {
  declare static readonly isInstance: never
  constructor(message: string, options: Partial<MscErrorOptions> = {}) {
    super(message, { code: 'UNAVAILABLE', retryable: true, ...options })
  }
}

export interface DriverErrorOptions extends Partial<MscErrorOptions> {
  /** Milliseconds after which the backend accepts calls again, as it said itself. */
  readonly retryAfterMs?: number
  /**
   * The cause of a refusal. `content`: the content of this call; a smaller or a different one may be accepted. `backend`
   * (the default): the address, the credentials or the account; every call would be refused.
   */
  readonly refuses?: 'content' | 'backend'
}

/** The only error that a driver throws: the backend refused, failed or sent an invalid response. */
export class DriverError extends MscError {
  declare static readonly isInstance: never
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

/** Says whether a value is a {@link DriverError}, from any copy of this package, by its marker and its driver. Never throws. */
export function isDriverError(value: unknown): value is DriverError {
  return MscError.isInstance(value) && typeof readField(value, 'driver') === 'string'
}

/** Reads a property of any value; returns `undefined` when it can't be read. Never throws. */
export function readField(value: unknown, name: string | symbol): unknown {
  try {
    return (value as Readonly<Record<string | symbol, unknown>> | null | undefined)?.[name]
  } catch {
    return undefined
  }
}

/** Turns any thrown value into an `Error`. A value that is neither an error nor a string becomes its `cause`. Never throws. */
export function toError(value: unknown): Error {
  try {
    if (value instanceof Error) return value
  } catch {
    // `instanceof` throws for a revoked proxy.
  }
  return typeof value === 'string' ? new Error(value) : new Error('A non-Error was thrown.', { cause: value })
}

/** Says whether a value is an `Error` of this realm: an `instanceof` that never throws. */
export function isError(value: unknown): value is Error {
  return toError(value) === value
}
