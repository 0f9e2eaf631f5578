import { DriverError, MscError, closedError, systemClock, type Clock } from '@msc/core'
import { httpFailure, readAnswer, requestFailure, type ReadAnswer } from '@msc/core/http'
import type { KindLimit, Receipt, Rejection, SendContext } from '@msc/core/delivery'
import type { MonitoringDriver } from '../../driver.ts'
import { CAPABILITIES, VARIABLES } from './declared.ts'
import { parseDsn } from './dsn.ts'
import { emptyEnvelope, toEnvelopes, type Envelope } from './envelope.ts'
import { limitsOf } from './limits.ts'

export interface SentryOptions {
  /** `https://<key>@<host>/<project>`. */
  readonly dsn: string
  readonly fetch?: typeof fetch
  readonly clock?: Clock
}

export interface SentryTransport {
  readonly name: string
  readonly platform: 'node' | 'javascript'
  /** Sends one body. Redirects are not followed: an event is delivered where it was sent, or not. */
  readonly post: (url: string, body: string, context: SendContext) => Promise<Response>
  readonly leavingMaxBytes?: (() => number) | undefined
}

const ADDRESS = 'Check the host and the project in NEXT_PUBLIC_SENTRY_DSN.'

/** The number of concurrent requests. Each event is a request of its own, so that each has its own answer. */
const AT_ONCE = 6

/**
 * Makes a driver that calls Sentry's envelope endpoint directly: it patches nothing, collects nothing by itself, joins no
 * scope of another client, and leaves retries to the engine.
 *
 * @throws ConfigError `SENTRY_DSN_INVALID`.
 */
export function sentryDriver(options: SentryOptions, transport: SentryTransport): MonitoringDriver {
  const { clock = systemClock } = options
  const { name, platform, post, leavingMaxBytes } = transport
  const { envelopeUrl, endpoint } = parseDsn(options.dsn)
  let closed = false

  const open = (): void => {
    if (closed) throw closedError(name)
  }
  const request = async (body: string, context: SendContext): Promise<KindLimit[]> => {
    open()
    let answer: ReadAnswer
    try {
      // After the abort nothing more is sent; the receipt contains the answers so far.
      context.signal.throwIfAborted()
      // Read to the end, within a limit, so that the connection can be reused.
      answer = await readAnswer(await post(envelopeUrl, body, context), context.signal)
    } catch (error) {
      if (MscError.isInstance(error)) throw error
      throw requestFailure(error, { driver: name, url: envelopeUrl, address: ADDRESS })
    }
    const failure = failureOf(name, answer, clock.now)
    if (failure && failure.code !== 'DRIVER_RATE_LIMITED') throw failure
    const limits = limitsOf(answer, clock.now)
    if (failure) throw new RateLimited(failure, limits)
    return limits
  }

  return {
    specificationVersion: 1,
    name,
    endpoint,
    variables: VARIABLES,
    capabilities: CAPABILITIES,
    async send(signals, context) {
      open()
      const { envelopes, rejected } = toEnvelopes(signals, platform, clock.now())
      // A page that is being left must start all requests at once. Its outbox has already limited the batch.
      const atOnce = leavingMaxBytes && context.urgency === 'leaving' ? envelopes.length : AT_ONCE
      const outcomes = await mapAtOnce(envelopes, atOnce, (envelope) =>
        outcomeOf(envelope, () => request(envelope.body, context)),
      )
      return receiptOf(outcomes, rejected)
    },
    async health(signal) {
      await request(emptyEnvelope(clock.now()), { signal, urgency: 'background' })
    },
    async close() {
      closed = true
    },
    ...(leavingMaxBytes && { leavingMaxBytes }),
  }
}

/** Returns the failure that an answer stands for, if any. */
function failureOf(driver: string, answer: ReadAnswer, now: () => number): DriverError | undefined {
  return httpFailure(answer, {
    driver,
    credentials: 'Check the key in NEXT_PUBLIC_SENTRY_DSN: it is unknown or was revoked.',
    address: ADDRESS,
    expects: isReceipt,
    now,
  })
}

/**
 * Says whether an answer to an envelope comes from Sentry. Relay answers `{"id": …}`, or `{}` for an envelope without an
 * event. Other servers of the protocol may send an empty body or a `null` id, and our own ingest lists what it did not
 * keep.
 *
 * Source: https://github.com/getsentry/relay, `relay-server/src/endpoints/envelope.rs` at 0422465 (`StoreResponse`).
 */
function isReceipt(body: unknown): boolean {
  if (body === undefined) return true
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return false
  const { id } = body as { readonly id?: unknown }
  if (typeof id === 'string') return EVENT_ID.test(id)
  return id === null || Object.keys(body).every((name) => name === 'notKept')
}

/** The hexadecimal digits of a UUID, with or without dashes. */
const EVENT_ID = /^[\da-f]{8}-?(?:[\da-f]{4}-?){3}[\da-f]{12}$/i

class RateLimited extends DriverError {
  readonly limits: readonly KindLimit[]
  constructor(failure: DriverError, limits: readonly KindLimit[]) {
    super(failure.driver, 'The server limits the rate.', {
      code: failure.code,
      retryable: true,
      ...(limits.length > 0 && { retryAfterMs: Math.max(...limits.map(({ forMs }) => forMs)) }),
    })
    this.limits = limits
  }
}

interface Outcome {
  readonly ids: readonly string[]
  readonly limits: readonly KindLimit[]
  readonly error?: DriverError
}

async function outcomeOf({ ids }: Envelope, send: () => Promise<KindLimit[]>): Promise<Outcome> {
  try {
    return { ids, limits: await send() }
  } catch (error) {
    const limits = error instanceof RateLimited ? error.limits : []
    return { ids, limits, error: error as DriverError }
  }
}

/** Builds a receipt from the items' answers. Throws the error instead if all items failed with the same one. */
function receiptOf(outcomes: readonly Outcome[], unwritten: readonly Rejection[]): Receipt {
  const limits = outcomes.flatMap((outcome) => outcome.limits)
  const failed = outcomes.filter(({ error }) => error !== undefined)
  const first = failed[0]?.error
  const common = first && failed.every(({ error }) => error?.code === first.code)
  // One error for all carries more than single rejections: what the backend refuses, and how long to wait.
  if (first && common && failed.length === outcomes.length && limits.length + unwritten.length === 0) throw first
  return { rejected: [...unwritten, ...failed.flatMap(rejectionsOf)], limits }
}

function rejectionsOf({ ids, error }: Outcome): Rejection[] {
  const { code, message, retryable } = error as DriverError
  const reason =
    code === 'DRIVER_TOO_LARGE'
      ? 'too large'
      : (error as DriverError).refuses === 'content'
        ? 'refused'
        : 'unauthorized'
  return ids.map((id) => ({ id, retryable, reason, detail: message }))
}

/** Maps `items` with `atOnce` concurrent calls, the first of which start synchronously. Keeps the order of `items`. */
async function mapAtOnce<T, R>(items: readonly T[], atOnce: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const waiting = items.entries()
  const takeTurns = async (): Promise<void> => {
    for (const [index, item] of waiting) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, takeTurns))
  return results
}
