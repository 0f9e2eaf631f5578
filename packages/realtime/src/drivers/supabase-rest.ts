// What goes over HTTP (publications, health checks and the history of feeds), loaded with the first of them: a page that only
// has channels needs none.
// It imports nothing that a page loads first.
import type { DriverError } from '@msc/core'
import type { SupabaseClient } from '@supabase/supabase-js'
import type { OutgoingMessage } from '../driver.ts'
import type { FeedPage, isFeedPage } from '../feed/page.ts'

export interface RestTools {
  readonly url: string
  readonly key: string
  /** The variable that the key comes from. */
  readonly variable: string
  readonly DriverError: typeof DriverError
}

/**
 * Realtime's one success, since there is this endpoint: `send_resp(conn, :accepted, "")`. Kong, in front of a self-hosted
 * one, hands it on. Its body is not looked at.
 *
 * Source: https://github.com/supabase/realtime, `lib/realtime_web/controllers/broadcast_controller.ex` at 06295bf.
 */
const TAKEN = 202

/**
 * Realtime's refusal of a batch without a message, which it reads after the key: 422 with what is wrong under `errors`, by
 * field. Later versions may take such a batch; a server of ours does.
 *
 * Source: `fallback_controller.ex` at 1395650 and `ChangesetView` of the same repository.
 */
function isRefusalOfNothing(status: number, said: unknown): boolean {
  const { errors } = Object(said) as Readonly<Record<string, unknown>>
  return status === 422 && typeof errors === 'object' && errors !== null
}

/** The SDK's own call keeps the status to itself, and nobody could tell a refusal from an outage by its words. */
export async function postMessages(
  messages: readonly OutgoingMessage[],
  bearer: string,
  { url, key, variable, DriverError: Failure }: RestTools,
  signal: AbortSignal,
): Promise<void> {
  // Loaded before there is an answer, whose reading must not wait for it.
  const { judgeAnswer, notTheBackend, readAnswer, parseContent } = await import('@msc/core/http-answer')
  const unreachable = (cause: unknown): never => {
    signal.throwIfAborted()
    throw new Failure('supabase', `${new URL(url).host} can not be reached.`, {
      code: 'DRIVER_UNREACHABLE',
      retryable: true,
      hint: 'Check NEXT_PUBLIC_SUPABASE_URL, and that it can be reached from this machine.',
      cause,
    })
  }
  const response = await fetch(`${url.replace(/\/$/, '')}/realtime/v1/api/broadcast`, {
    method: 'POST',
    signal,
    redirect: 'manual',
    headers: { apikey: key, authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages }),
  }).catch(unreachable)
  const answer = await readAnswer(response, signal).catch(unreachable)
  const options = {
    credentials: `Check ${variable}: the project does not know it.`,
    address: 'Check NEXT_PUBLIC_SUPABASE_URL.',
    expects: (_said: unknown, status: number) => status === TAKEN,
  }
  let problem = judgeAnswer(answer, options)
  if (messages.length === 0 && problem?.code === 'DRIVER_REFUSED') {
    const isRealtime = isRefusalOfNothing(answer.status, parseContent(answer.content))
    problem = isRealtime ? undefined : notTheBackend(answer, options)
  }
  if (problem) throw new Failure('supabase', problem.message, problem)
}

/** What came after a cursor of a feed; `undefined` where the database keeps none. */
export async function readSince(
  client: SupabaseClient,
  topic: string,
  after: string | undefined,
  tools: { readonly DriverError: typeof DriverError; readonly isFeedPage: typeof isFeedPage },
  signal: AbortSignal,
): Promise<FeedPage | undefined> {
  const { DriverError: Failure, isFeedPage: isPage } = tools
  const call = client.rpc('msc_feed_since', { topic, after: after ?? null, max: 500 })
  const { data, error, status } = await call.abortSignal(signal)
  // The database has no such function: the feed's migration was not applied.
  if (status === 404) return undefined
  if (error) {
    const refused = error.code === '42501'
    throw new Failure('supabase', `The feed can not be read: ${error.message}`, {
      retryable: !refused,
      ...(refused && { code: 'REALTIME_REFUSED' }),
    })
  }
  const page: unknown = data
  if (!isPage(page)) throw new Failure('supabase', 'The project answered with something else.')
  return page
}
