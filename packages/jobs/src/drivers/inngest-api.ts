import { DriverError } from '@msc/core'
import { hexOf } from '@msc/core/hash'
import { httpFailure, notTheBackend, parseContent, readAnswer } from '@msc/core/http'

/**
 * Asks one of Inngest's two APIs, with our key.
 *
 * @returns What it said; `undefined` for a refusal that is one of `refusals`.
 *
 * Source: https://www.inngest.com/docs/reference/rest-api, https://www.inngest.com/docs/events/creating-an-event-key
 */
export async function ask(
  send: typeof fetch,
  url: URL,
  { variable, expects, refusals }: Asked,
  init: RequestInit,
  maxBytes?: number,
): Promise<unknown> {
  const unreachable = (cause: unknown): never => {
    throw new DriverError('inngest', `${url.host} can not be reached.`, {
      code: 'DRIVER_UNREACHABLE',
      retryable: true,
      hint: 'Check INNGEST_BASE_URL where it is set, and that it can be reached from this machine.',
      cause,
    })
  }
  const response = await send(url, { ...init, redirect: 'manual' }).catch(unreachable)
  const answer = await readAnswer(response, init.signal ?? undefined, maxBytes).catch(unreachable)
  const options = {
    driver: 'inngest',
    credentials: `Check ${variable}: Inngest does not know it.`,
    address: 'Check INNGEST_BASE_URL.',
    expects,
  }
  const failure = httpFailure(answer, options)
  if (failure === undefined) return parseContent(answer.content)
  if (failure.code !== 'DRIVER_REFUSED') throw failure
  // That there is nothing in it may be refused: by then the key was accepted. But only by Inngest.
  if (refusals(parseContent(answer.content), answer.status)) return undefined
  const problem = notTheBackend(answer, options)
  throw new DriverError('inngest', problem.message, problem)
}

export interface Asked {
  /** The one that has the key. */
  readonly variable: string
  readonly expects: (said: unknown) => boolean
  readonly refusals: (said: unknown, status: number) => boolean
}

/**
 * What the event API says of events that it took: `{ids, status: 200}`, also of none.
 *
 * Source: https://github.com/inngest/inngest, `pkg/api/api.go` at 021ac72 (the self-hosted server and the dev server).
 */
export function isReceipt(said: unknown): boolean {
  return Array.isArray((Object(said) as { readonly ids?: unknown }).ids)
}

/** Of what it did not take: `{ids, status: 400, error}`, and `{status, error}` before it read them. Source: the same. */
export function isRefusal(said: unknown, status: number): boolean {
  const answer = Object(said) as { readonly error?: unknown; readonly status?: unknown }
  return typeof answer.error === 'string' && answer.status === status
}

/**
 * The REST API's list of events: under `data`, or bare from older self-hosted servers, `null` where they have none.
 *
 * Source: https://www.inngest.com/docs/reference/rest-api; `pkg/api/apiv1/events.go` at 029c33b.
 */
export function isEventList(said: unknown): boolean {
  const isList = (value: unknown): boolean => value === null || Array.isArray(value)
  return isList(said) || isList((Object(said) as { readonly data?: unknown }).data)
}

/**
 * A signing key as the REST API wants it: its prefix, then the SHA-256 of the bytes that its hexadecimal digits stand
 * for. Source: the SDK's own `hashSigningKey`.
 */
export async function hashedSigningKey(key: string): Promise<string> {
  const [prefix = ''] = /^signkey-[\w]+-/.exec(key) ?? []
  const digits = key.slice(prefix.length)
  const bytes = Uint8Array.from(digits.match(/[\da-f]{2}/gi) ?? [], (pair) => Number.parseInt(pair, 16))
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return prefix + hexOf(digest)
}

export const REST_API = 'https://api.inngest.com'
