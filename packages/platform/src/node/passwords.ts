import { createHash, timingSafeEqual } from 'node:crypto'
import {
  ConfigError,
  MscError,
  ValidationError,
  assertNumbers,
  assertPorts,
  deadline,
  reportFailure,
  systemClock,
  type Clock,
  type ErrorReporter,
} from '@msc/core'
import { COST, KEY_BYTES, formatHash, isOutdated, newSalt, parseHash, type StoredHash } from './passwords-hash.ts'
import { createLines } from './lines.ts'
import { ScryptRefused, createScryptThread, type ScryptInput, type ScryptThread } from './passwords-thread.ts'

export interface PasswordsOptions {
  /** How many may wait while one is hashed. Default 8: some two seconds. */
  readonly maxWaiting?: number
  /** Milliseconds that a call may take, with its wait. Default 15 000. */
  readonly timeoutMs?: number
  /** Milliseconds without a call after which the thread ends. Default 30 000. */
  readonly idleMs?: number
  readonly clock?: Clock
  /** Called with what fails where nobody waits, such as a stored hash that can't be read. */
  readonly onError?: ErrorReporter
}

/** Whose call waits for which place in the queue: `place` of the guard's verdict. */
export interface PasswordPlace {
  /**
   * Belongs to those who are known to have used the account. They have every second turn and half of the queue, however many strangers
   * guess. Default false.
   */
  readonly preferred?: boolean
  /** Clients take turns; the last of the one that waits most often loses its place when there is none left. Default one for all. */
  readonly client?: string
}

export interface PasswordOptions extends PasswordPlace {
  /** Gives up the place in the queue, for a request whose client has gone. */
  readonly signal?: AbortSignal
}

export interface PasswordVerdict {
  readonly matches: boolean
  /** True when the password matches and its hash is of an older cost: hash it again and store that. */
  readonly outdated: boolean
}

/**
 * Hashes passwords in one thread of its own, one after the other, so that a crowd at the sign-in page costs the rest of the
 * server neither memory nor its file system.
 *
 * Both methods throw MscError `PASSWORDS_BUSY` (retryable, with `retryAfterMs`; a route answers 429) when too many wait
 * already, `PASSWORDS_FAILED` when the thread dies, `PASSWORDS_CLOSED`, DeadlineError, and the reason of `signal`.
 */
export interface Passwords {
  /**
   * Returns `scrypt$N$r$p$salt$hash`.
   *
   * @throws ValidationError `PASSWORD_INVALID` for an empty password and for one of more than 1 024 bytes.
   */
  hash(password: string, options?: PasswordOptions): Promise<string>
  /**
   * Compares a password with its stored hash. Pass `undefined` for an account that does not exist or has no password: it
   * takes as long, so that the time of the answer doesn't tell. The same is true for a stored value that is no hash, or one that would cost
   * too much, which is reported once for each value.
   */
  verify(password: string, stored: string | null | undefined, options?: PasswordOptions): Promise<PasswordVerdict>
  /** Says whether a call would get a place now: for a guard, which need not count what gets none. */
  hasRoom(place?: PasswordPlace): boolean
  /** Ends the thread. Calls under way reject. */
  close(): Promise<void>
}

/** Too many are waiting. */
class BusyError extends MscError {
  declare static readonly isInstance: never
  readonly retryAfterMs: number
  constructor(retryAfterMs: number) {
    super('Too many passwords are being verified.', {
      code: 'PASSWORDS_BUSY',
      retryable: true,
      hint: 'Answer 429 and let the client try again after `retryAfterMs`.',
    })
    this.retryAfterMs = retryAfterMs
  }
}

const MAX_BYTES = 1024
/** Values that are known to have been reported. */
const MOST_REPORTED = 1000
/** Milliseconds after which a hash is given up: the slowest machine takes a tenth of it. */
const HASH_MS = 10_000

interface Job {
  readonly input: ScryptInput
  resolve(key: Uint8Array): void
  reject(error: unknown): void
}

/** @throws ConfigError `OPTION_INVALID` for an option that is no number. */
export function createPasswords(options: PasswordsOptions = {}): Passwords {
  assertNumbers('passwords', options, { maxWaiting: 0, timeoutMs: 1, idleMs: 0 })
  assertPorts('passwords', options)
  const { clock = systemClock, maxWaiting = 8, timeoutMs = 15_000, idleMs = 30_000, onError } = options
  const thread = createScryptThread({ clock, idleMs })
  const queue = createQueue(thread, clock, maxWaiting)

  const reported = new Set<string>()
  /** Once for each value: anybody may try an account again and again. */
  const reportUnreadable = (stored: string, cause?: unknown): void => {
    const id = createHash('sha256').update(stored).digest('hex')
    if (reported.has(id)) return
    if (reported.size >= MOST_REPORTED) reported.clear()
    reported.add(id)
    reportFailure(unreadable(cause), { concern: 'passwords', operation: 'verify' }, onError)
  }

  const derive = async (
    password: Uint8Array,
    { n, r, p, salt, key }: StoredHash,
    { signal, ...place }: PasswordOptions,
  ): Promise<Uint8Array> => {
    const input = { password, salt, bytes: key.length, n, r, p }
    return deadline((ending) => queue.add(input, ending, place), {
      operation: '[msc/passwords]',
      timeoutMs,
      clock,
      signal,
    })
  }
  return {
    async hash(password, asked = {}) {
      const bytes = bytesOf(password)
      if (!bytes || bytes.length === 0) throw invalidPassword()
      const wanted = { ...COST, salt: newSalt(), key: new Uint8Array(KEY_BYTES) }
      return formatHash({ ...wanted, key: await derive(bytes, wanted, asked) })
    },
    async verify(password, stored, asked = {}) {
      const known = typeof stored === 'string' ? parseHash(stored) : undefined
      if (typeof stored === 'string' && !known) reportUnreadable(stored)
      const bytes = bytesOf(password)
      const text = bytes ?? new Uint8Array(MAX_BYTES)
      const compared = known ?? NOBODY
      const key = await derive(text, compared, asked).catch(async (error: unknown) => {
        if (!(error instanceof ScryptRefused) || typeof stored !== 'string') throw error
        // What this version of OpenSSL refuses although we do not is no hash either, and costs what one costs.
        reportUnreadable(stored, error)
        await derive(text, NOBODY, asked)
        return undefined
      })
      const equal = key !== undefined && timingSafeEqual(key, compared.key)
      const matches = equal && known !== undefined && bytes !== undefined
      return { matches, outdated: matches && isOutdated(compared) }
    },
    hasRoom: (place = {}) => queue.hasRoom(place),
    close: () => queue.close(),
  }
}

/** Compared with where there is nothing to compare with. */
const NOBODY: StoredHash = { ...COST, salt: new Uint8Array(16), key: new Uint8Array(KEY_BYTES) }

interface Queue {
  /** @throws MscError `PASSWORDS_BUSY`, at once when there is no place, or later when it is needed for another client. */
  add(input: ScryptInput, signal: AbortSignal, place: PasswordPlace): Promise<Uint8Array>
  hasRoom(place: PasswordPlace): boolean
  close(): Promise<void>
}

function createQueue(thread: ScryptThread, clock: Clock, maxWaiting: number): Queue {
  const lines = createLines<Job>(maxWaiting)
  let running: Job | undefined
  let closed = false
  /** Milliseconds that the last hash took. */
  let lastMs = 300

  const run = async (job: Job): Promise<void> => {
    running = job
    const from = clock.monotonic()
    try {
      const timed = { operation: '[msc/passwords] scrypt', timeoutMs: HASH_MS, clock }
      job.resolve(await deadline(() => thread.run(job.input), timed))
      lastMs = clock.monotonic() - from
    } catch (cause) {
      if (cause instanceof ScryptRefused && !closed) return job.reject(cause)
      job.reject(closed ? closedError() : failed(cause))
      // Not before it is gone: two hashes at once would take the memory of two.
      await thread.end().catch(() => undefined)
    } finally {
      running = undefined
      const next = lines.next()
      if (next) void run(next)
    }
  }
  return {
    hasRoom: ({ preferred = false, client = '' }) => running === undefined || lines.hasRoom(preferred, client),
    add: (input, signal, { preferred = false, client = '' }) =>
      new Promise((resolve, reject) => {
        if (closed) throw closedError()
        const job = { input, resolve, reject }
        if (!running) return void run(job)
        const retryAfterMs = Math.max(1000, Math.ceil(lastMs * (lines.waiting + 1)))
        lines.add(job, client, preferred)?.reject(new BusyError(retryAfterMs))
        // A hash that has begun is finished, since nothing can stop it; only its caller is gone.
        signal.addEventListener('abort', () => lines.leave(job), { once: true })
      }),
    async close() {
      closed = true
      for (const job of lines.clear()) job.reject(closedError())
      await thread.end()
    },
  }
}

/** Returns the password in UTF-8, in one form for all ways to type it; `undefined` when it is too long. */
function bytesOf(password: string): Uint8Array | undefined {
  if (typeof password !== 'string') throw invalidPassword()
  // Looked at first, since the normal form of a text may be much longer.
  if (password.length > MAX_BYTES) return undefined
  const bytes = new TextEncoder().encode(password.normalize('NFKC'))
  return bytes.length > MAX_BYTES ? undefined : bytes
}

function invalidPassword(): ValidationError {
  return new ValidationError(
    'A password must be text of 1 to 1024 bytes.',
    [{ message: 'must be text of 1 to 1024 bytes', path: 'password' }],
    { code: 'PASSWORD_INVALID', hint: 'Tell the user to choose another one.' },
  )
}

function unreadable(cause?: unknown): MscError {
  return new MscError('[msc/passwords] A stored value is not a hash of a password, or one that would cost too much.', {
    code: 'PASSWORD_HASH_UNREADABLE',
    hint: 'Let the owner of the account set a new password, and find out who wrote the value.',
    ...(cause !== undefined && { cause }),
  })
}

function failed(cause: unknown): MscError {
  return new MscError('[msc/passwords] The thread that hashes passwords failed.', {
    code: 'PASSWORDS_FAILED',
    retryable: true,
    hint: 'Try again; the thread is made anew. When it lasts, look for what ends threads or for a lack of memory.',
    cause,
  })
}

function closedError(): ConfigError {
  return new ConfigError('[msc/passwords] It is closed.', {
    code: 'PASSWORDS_CLOSED',
    hint: 'Close it after everything that uses it.',
  })
}
