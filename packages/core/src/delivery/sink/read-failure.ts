import { LONGEST_LIMIT_MS, shorten } from './read-receipt.ts'

/** What a thrown value says about a batch. */
export interface ReadFailure {
  readonly retryable: boolean
  readonly refuses: 'content' | 'backend'
  readonly rateLimited: boolean
  readonly tooLarge: boolean
  /** Milliseconds that the backend wants to be left alone; 0 when it said nothing that can be used. */
  readonly retryAfterMs: number
  /** What sort of failure it is: its code, else its name. */
  readonly what: string
  readonly detail?: string | undefined
}

/** Reads any thrown value. What does not say that it is final may be tried again. */
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
    // A proxy or a getter that throws.
    return { retryable: true, refuses: 'backend', rateLimited: false, tooLarge: false, retryAfterMs: 0, what: UNKNOWN }
  }
}

const UNKNOWN = 'unknown'

function whatOf(code: unknown, name: unknown): string {
  if (typeof code === 'string') return code
  return typeof name === 'string' ? name : UNKNOWN
}

/** No longer wait than the longest of a limit; 0 for what is none. */
function believed(ms: unknown): number {
  return typeof ms === 'number' && ms >= 0 ? Math.min(ms, LONGEST_LIMIT_MS) : 0
}
