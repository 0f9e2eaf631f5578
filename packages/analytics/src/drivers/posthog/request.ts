import { DriverError, MscError } from '@msc/core'
import { httpFailure, readAnswer, requestFailure, parseContent, type ReadAnswer } from '@msc/core/http'
import { plainJson } from '@msc/core/delivery'
import type { PostHogAddress } from './address.ts'

export interface PostHogTransport {
  /** The driver's name. */
  readonly driver: string
  readonly address: PostHogAddress
  /** Sends one body unchanged. It must call `fetch` before its first `await`, because the page may be being left. */
  readonly post: (url: string, body: string, signal: AbortSignal) => Promise<Response>
  readonly now: () => number
}

const ADDRESS =
  'Check NEXT_PUBLIC_POSTHOG_HOST: it must be the address of PostHog, or of a proxy to it, without a redirect.'

/**
 * Says whether a response to events is PostHog's: `{"status":"Ok"}` of the capture service, `{"status":1}` of its
 * predecessor, or the empty 204 that answers a beacon.
 *
 * Source: https://github.com/PostHog/posthog, `rust/capture/src/api.rs` at 0185795 and later;
 * https://posthog.com/docs/api/capture
 */
export function isReceipt(answer: unknown): boolean {
  const { status } = Object(answer) as { readonly status?: unknown }
  return answer === undefined || status === 1 || status === 'Ok'
}

/** Says whether a response to a flags request is PostHog's, in the protocol version that this driver uses. */
export function isFlagsAnswer(answer: unknown): boolean {
  const { flags } = Object(answer) as { readonly flags?: unknown }
  return typeof flags === 'object' && flags !== null
}

/**
 * Sends one request to PostHog and reads its response.
 *
 * @param body JSON.
 * @param expects Says whether a successful response is PostHog's.
 * @param accept A status that refuses the request's content, and is an answer all the same.
 * @throws DriverError for a refusal, a failure, and a response that is not PostHog's.
 */
export async function request(
  { driver, address, post, now }: PostHogTransport,
  path: string,
  body: string,
  signal: AbortSignal,
  expects: (said: unknown) => boolean,
  accept?: number,
): Promise<unknown> {
  let answer: ReadAnswer
  const url = `${address.endpoint}${path}`
  try {
    answer = await readAnswer(await post(url, body, signal), signal)
  } catch (error) {
    if (MscError.isInstance(error)) throw error
    throw requestFailure(error, { driver, url, address: ADDRESS })
  }
  const failure = httpFailure(answer, {
    driver,
    credentials: 'Check NEXT_PUBLIC_POSTHOG_KEY: it is not a project key (phc_…) of this host, or was revoked.',
    address: ADDRESS,
    expects,
    now,
  })
  // A web page with this status would fail differently: it shows that something other than PostHog answered.
  if (failure?.code === 'DRIVER_REFUSED' && answer.status === accept) return undefined
  if (failure) throw failure
  return parseContent(answer.content)
}

/** PostHog answers 200 when the account's quota is used up, and says so in the body. */
export function assertQuota(driver: string, answer: unknown, resource: string): void {
  const { quota_limited: a, quotaLimited: b } = Object(answer) as Record<string, unknown>
  const limited = [a, b].some((list) => Array.isArray(list) && list.includes(resource))
  if (!limited) return
  throw new DriverError(driver, `The account's quota of ${resource} is used up.`, {
    code: 'DRIVER_QUOTA',
    hint: 'Raise the limit under PostHog → Billing, or wait for the next period.',
  })
}

/**
 * Checks, without evaluating any flag, that the key is known: PostHog's capture endpoint accepts every key that looks
 * valid.
 */
export async function assertKey(transport: PostHogTransport, signal: AbortSignal): Promise<void> {
  const { key } = transport.address
  const query = { token: key, distinct_id: 'msc-health-check', disable_flags: true }
  await request(transport, '/flags/?v=2', plainJson(query), signal, isFlagsAnswer)
}
