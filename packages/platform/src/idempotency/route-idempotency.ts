import { BODY_TIMEOUT_MS, bodyProblem, problem, readBody } from '@msc/core/http-request'
import { UNKNOWN_ADDRESS } from '../profile/client-address.ts'
import { sha256 } from '../sha256.ts'
import { parseIdempotencyKey } from './idempotency-key.ts'
import type { Idempotency } from './idempotency.ts'

/** Whether a route takes an `Idempotency-Key`: it has to be sent, may be sent, or means nothing. */
export type IdempotencyMode = 'required' | 'optional' | 'none'

export interface RouteRequest {
  readonly request: Request
  readonly route: string
  readonly mode: IdempotencyMode
  readonly caller: readonly string[]
  readonly params: unknown
  /** The body, where the route has read it. */
  readonly text: string | undefined
  /** The key that a form carries in its body. */
  readonly formKey: string | undefined
  /** The most bytes of a body that the route has not read. */
  readonly maxBytes: number
}

/** The methods that do something again when they are sent again. */
const METHODS: readonly string[] = ['POST', 'PATCH']

/** Answers a request of a route, by `handle` or by what was answered before. */
export async function answerOnce(
  idempotency: Pick<Idempotency, 'run'> | undefined,
  asked: RouteRequest,
  handle: (idempotencyKey: string | undefined) => Promise<Response>,
): Promise<Response> {
  const { request, route, mode, caller } = asked
  const { method } = request
  if (!idempotency || mode === 'none' || !METHODS.includes(method)) return handle(undefined)
  const field = asked.formKey ?? request.headers.get('idempotency-key')
  if (field === null) {
    if (mode === 'optional') return handle(undefined)
    return problem({ title: 'Send an Idempotency-Key', status: 400, code: 'IDEMPOTENCY_KEY_MISSING' })
  }
  const key = parseIdempotencyKey(field)
  if (key === undefined) {
    return problem({
      title: 'The Idempotency-Key is not 1 to 255 visible ASCII characters',
      status: 400,
      code: 'IDEMPOTENCY_KEY_INVALID',
    })
  }
  // Strangers whose addresses are not known can't be told apart, and none may get what another one was answered: each request
  // stands for itself.
  if (caller[0] === 'address' && caller[1] === UNKNOWN_ADDRESS) return handle(await sha256(crypto.randomUUID()))
  const body = await hashOfBody(asked)
  if (body instanceof Response) return body
  const fingerprint = JSON.stringify([body, URL.parse(request.url)?.search ?? '', sortedParams(asked.params)])
  return idempotency.run({ caller, operation: [method, route], key, fingerprint }, handle)
}

/** Returns the refusal of a body that is too large or does not arrive. */
async function hashOfBody({ request, text, maxBytes }: RouteRequest): Promise<string | Response> {
  if (text !== undefined) return sha256(text)
  // A copy, so that the handler can read the body too.
  const copy = request.clone()
  const { signal } = request
  const { bytes, refused } = await readBody(copy, { maxBytes, timeoutMs: BODY_TIMEOUT_MS, signal })
  return refused === undefined ? sha256(new Uint8Array(bytes)) : problem(bodyProblem(refused, maxBytes))
}

function sortedParams(params: unknown): [string, unknown][] {
  return Object.entries(Object(params) as object)
    .map(([name, value]): [string, unknown] => [name, value])
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
}
