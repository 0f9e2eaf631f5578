import { LONGEST_LIMIT_MS, shorten } from './read-receipt.ts'

/** What a thrown value means for a batch. */
export interface ReadFailure {
  readonly retryable: boolean
  readonly refuses: 'content' | 'backend'
  readonly rateLimited: boolean
  readonly tooLarge: boolean
  /** Milliseconds for which the backend asked for a pause; 0 when it gave no usable time. */
  readonly retryAfterMs: number
  /** The type of failure: the error's code, else its name. */
  readonly what: string
  readonly detail?: string | undefined
}

/** Reads any thrown value. A failure is retryable unless it says that it is not. */
export function readFailure(error: unknown): ReadFailure {
  try {
    const { retryable, refuses, retryAfterMs, code, name, message } = Object(error) as Record<string, unknown>
    return {
      retryable: retryable !== false,
      refuses: refuses === 'content' ? 'content' : 'backend',
      rateLimited: code === 'DRIVER_RATE_LIMITED',
      tooLarge: code === 'DRIVER_TOO_LARGE',
      retryAfterMs: believed(retryAfterMs),
      what: whatOf(code, name),
      ...(typeof message === 'string' && message !== '' && { detail: shorten(message) }),
    }
  } catch {
    // A proxy or a getter threw.
    return { retryable: true, refuses: 'backend', rateLimited: false, tooLarge: false, retryAfterMs: 0, what: UNKNOWN }
  }
}

const UNKNOWN = 'unknown'

function whatOf(code: unknown, name: unknown): string {
  if (typeof code === 'string') return code
  return typeof name === 'string' ? name : UNKNOWN
}

/** Caps the wait at the longest limit. Returns 0 for a value that is not a time. */
function believed(ms: unknown): number {
  return typeof ms === 'number' && ms >= 0 ? Math.min(ms, LONGEST_LIMIT_MS) : 0
}
