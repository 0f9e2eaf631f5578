import { DriverError, MscError } from '@msc/core'
import { httpFailure, readAnswer, requestFailure, saidIn, type ReadAnswer } from '@msc/core/http'
import { plainJson } from '@msc/core/delivery'
import type { PostHogAddress } from './address.ts'

export interface PostHogTransport {
  /** The driver's name. */
  readonly driver: string
  readonly address: PostHogAddress
  /** Sends one body as it is; must call `fetch` before its first `await` where a page is being left. */
  readonly post: (url: string, body: string, signal: AbortSignal) => Promise<Response>
  readonly now: () => number
}

const ADDRESS =
  'Check NEXT_PUBLIC_POSTHOG_HOST: it must be the address of PostHog, or of a proxy to it, without a redirect.'

/**
 * Whether an answer to events is PostHog's: `{"status":"Ok"}` of the capture service, `{"status":1}` of what was there
 * before it, and nothing at all with the 204 to a beacon.
 *
 * Source: https://github.com/PostHog/posthog, `rust/capture/src/api.rs` at 0185795 and later; https://posthog.com/docs/api/capture
 */
export function isReceipt(said: unknown): boolean {
  const { status } = Object(said) as { readonly status?: unknown }
  return said === undefined || status === 1 || status === 'Ok'
}

/** Whether an answer to a question for flags is PostHog's, from the version of the protocol that is spoken here. */
export function isFlagsAnswer(said: unknown): boolean {
  const { flags } = Object(said) as { readonly flags?: unknown }
  return typeof flags === 'object' && flags !== null
}

/**
 * One request to PostHog, and its answer.
 *
 * @param body JSON.
 * @param expects Whether a success is PostHog's.
 * @param accept A refusal of what was sent that is an answer too.
 * @throws DriverError for a refusal, a failure, and for whatever answers in PostHog's place.
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
    credentials: 'Check NEXT_PUBLIC_POSTHOG_KEY: it is no project key (phc_…) of this host, or was revoked.',
    address: ADDRESS,
    expects,
    now,
  })
  // Of a page it would say that something else has answered.
  if (failure?.code === 'DRIVER_REFUSED' && answer.status === accept) return undefined
  if (failure) throw failure
  return saidIn(answer.content)
}

/** PostHog answers 200 where the account's quota is used up, and says so in the body. */
export function assertQuota(driver: string, answer: unknown, resource: string): void {
  const { quota_limited: a, quotaLimited: b } = Object(answer) as Record<string, unknown>
  const limited = [a, b].some((list) => Array.isArray(list) && list.includes(resource))
  if (!limited) return
  throw new DriverError(driver, `The account's quota of ${resource} is used up.`, {
    code: 'DRIVER_QUOTA',
    hint: 'Raise the limit under PostHog → Billing, or wait for the next period.',
  })
}

/** Asks, evaluating nothing, whether the key is known: PostHog's capture endpoint takes any that looks like one. */
export async function assertKey(transport: PostHogTransport, signal: AbortSignal): Promise<void> {
  const { key } = transport.address
  const query = { token: key, distinct_id: 'msc-health-check', disable_flags: true }
  await request(transport, '/flags/?v=2', plainJson(query), signal, isFlagsAnswer)
}
