import { DriverError, MscError, isRecord } from '@msc/core'
import { MAX_ANSWER_BYTES, httpFailure, readAnswer, requestFailure, type ReadAnswer } from '@msc/core/http'
import type { Requester } from '@upstash/redis'
import { refusal } from './redis-replies.ts'

export const ADDRESS = 'Check UPSTASH_REDIS_REST_URL.'
const CREDENTIALS = 'Check UPSTASH_REDIS_REST_TOKEN.'

/** As long as what was stored: Upstash takes no request of more than 100 MB. What goes on for longer is no answer of it. */
const MAX_STORED_BYTES = 100 * 1024 * 1024

export interface UpstashTransport {
  readonly url: string
  readonly token: string
  readonly fetch: typeof globalThis.fetch
  /** The signal of the command that is being sent. */
  readonly signal: () => AbortSignal
  /** Wall time, milliseconds since the epoch. */
  readonly now: () => number
}

/**
 * How the SDK's commands reach Upstash. The SDK's own client keeps the status of an answer to itself, so that an overload
 * looks like a refused command; here it is judged as that of every other vendor (`judgeAnswer` of @msc/core).
 *
 * Source: https://upstash.com/docs/redis/features/restapi
 */
export function upstashRequester({ url, token, fetch, signal: signalOf, now }: UpstashTransport): Requester {
  const base = url.replace(/\/+$/, '')
  // Sent back with each request, so that a replica answers with what this client has written before.
  let syncToken = ''

  const ask = async (path: readonly string[], body: unknown, signal: AbortSignal): Promise<unknown> => {
    let answer: ReadAnswer
    const address = [base, ...path].join('/')
    try {
      const response = await fetch(address, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'upstash-sync-token': syncToken,
        },
        body: JSON.stringify(body),
        cache: 'no-store',
        redirect: 'manual',
        signal,
      })
      answer = await readAnswer(response, signal, response.ok ? MAX_STORED_BYTES : MAX_ANSWER_BYTES)
    } catch (error) {
      signal.throwIfAborted()
      throw requestFailure(error, { driver: 'upstash', url: base, address: ADDRESS })
    }
    syncToken = answer.headers.get('upstash-sync-token') ?? ''
    return resultOf(answer, path.length > 0 ? (body as readonly unknown[]).length : undefined)
  }

  /** @param batch How many commands a pipeline had. */
  const resultOf = (answer: ReadAnswer, batch: number | undefined): unknown => {
    const { status, content } = answer
    const said = parse(content.text)
    if (status >= 200 && status < 300 && isAnswer(said, batch)) return said
    const reason = (said as { readonly error?: unknown } | null | undefined)?.error
    // What Redis says of a command: one that it does not know, one that it has no room for.
    if (typeof reason === 'string' && (status === 400 || reason.startsWith('NOSCRIPT'))) {
      throw refusal('upstash', reason.replaceAll(token, '[token]'), CREDENTIALS)
    }
    throw (
      // A success has been looked at above.
      httpFailure(answer, {
        driver: 'upstash',
        credentials: CREDENTIALS,
        address: ADDRESS,
        expects: () => false,
        now,
      }) ??
      new DriverError('upstash', 'The answer was empty.', {
        code: 'DRIVER_NOT_THE_BACKEND',
        retryable: true,
        hint: ADDRESS,
      })
    )
  }

  return {
    async request<Result>(command: Parameters<Requester['request']>[0]) {
      // Asked for before anything is waited for: it is that of the command that is being sent.
      const signal = signalOf()
      return (await ask(command.path ?? [], command.body, signal)) as { result?: Result; error?: string }
    },
  }
}

/** What the SDK's own client throws, of an instance that was handed in. It hides the status. */
export function sdkFailure(error: Error): MscError {
  if (error.name === 'UpstashJSONParseError') {
    return new DriverError('upstash', 'The server answered something that is not JSON.', {
      code: 'DRIVER_NOT_THE_BACKEND',
      retryable: true,
      hint: `${ADDRESS} A proxy or a sign-in page of the network may be in between.`,
    })
  }
  // The message ends in the whole command, values and all; those must not travel in an error.
  const reason = (error.message.split(', command was:')[0] ?? '').replace(/^Command \d+ \[ [^\]]* \] failed: /, '')
  // Redis begins with a word in capitals; what does not is the word of a gateway, which may think otherwise later.
  if (/^[A-Z]{2,}\b/.test(reason) || /unauthorized/i.test(reason)) return refusal('upstash', reason, CREDENTIALS)
  return new DriverError('upstash', 'The server answered with an error that is not one of Redis.', {
    retryable: true,
    hint: ADDRESS,
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `{ result }` of a command; of a pipeline a list, with `{ result }` or `{ error }` for each of its commands. */
function isAnswer(value: unknown, batch: number | undefined): boolean {
  if (batch !== undefined) {
    const answers = Array.isArray(value) && value.length === batch ? (value as unknown[]) : undefined
    return answers?.every((each) => isRecord(each) && ('result' in each || 'error' in each)) === true
  }
  return isRecord(value) && 'result' in value && !('error' in value && value['error'])
}
