import { isValidationError, validate, type StandardSchema } from '@msc/core'
import { BODY_TIMEOUT_MS, bodyProblem, readText, type ProblemOptions } from '@msc/core/http-request'
import { problemFrom } from './problem.ts'

/** `text` is the body as it was sent. */
export type BodyResult<T> = { readonly value: T; readonly text: string } | { readonly problem: ProblemOptions }

/**
 * Reads the request's JSON body, checking in order its type (415), its size as it arrives (413), whether it arrives
 * whole (400) and in time (408), its encoding (415), its syntax (400) and its shape (422). Reads no more than `maxBytes`, whatever
 * Content-Length says.
 *
 * @throws ConfigError `BODY_CONSUMED` when the body has been read already.
 */
export async function readJson<T>(
  request: Request,
  schema: StandardSchema<unknown, T>,
  maxBytes: number,
): Promise<BodyResult<T>> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') {
    return { problem: { title: 'Send application/json', status: 415, code: 'CONTENT_TYPE_UNSUPPORTED' } }
  }
  const { signal } = request
  const { text, refused } = await readText(request, { maxBytes, timeoutMs: BODY_TIMEOUT_MS, signal, utf8: 'strict' })
  if (refused !== undefined) return { problem: bodyProblem(refused, maxBytes) }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return { problem: { title: 'The body is not JSON', status: 400, code: 'BODY_MALFORMED' } }
  }
  try {
    return { value: await validate(schema, parsed, 'The body'), text }
  } catch (error) {
    // Only here is an invalid value the client's own.
    if (isValidationError(error)) return { problem: problemFrom(error) }
    throw error
  }
}
