import { isValidationError, validate, type StandardSchema } from '@msc/core'
import { problemFrom, type Problem } from './problem.ts'

export type BodyResult<T> = { readonly value: T } | { readonly problem: Problem }

/**
 * Reads the request's JSON body, checking in order its type (415), its size as it arrives (413), whether it is complete
 * (400), its syntax (400) and its shape (422). Reads no more than `maxBytes`, whatever Content-Length says.
 *
 * @throws TypeError when the body has been read already.
 */
export async function readBody<T>(
  request: Request,
  schema: StandardSchema<unknown, T>,
  maxBytes: number,
): Promise<BodyResult<T>> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') {
    return { problem: { title: 'Send application/json', status: 415, code: 'CONTENT_TYPE_UNSUPPORTED' } }
  }
  const tooLarge = {
    problem: { title: `The body is larger than ${maxBytes} bytes`, status: 413, code: 'BODY_TOO_LARGE' },
  }
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return tooLarge

  if (request.bodyUsed || request.body?.locked) {
    throw new TypeError('The body has been read before the route could: read a clone of the request.')
  }
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength
      // Returning cancels the rest of the body. That may fail, and the catch below gives the same answer.
      if (size > maxBytes) return tooLarge
      chunks.push(chunk)
    }
  } catch {
    if (size > maxBytes) return tooLarge
    // The client or its proxy has closed the connection: this is no failure of ours.
    return { problem: { title: 'The body is incomplete', status: 400, code: 'BODY_INCOMPLETE' } }
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(concat(chunks, size)))
  } catch {
    return { problem: { title: 'The body is not JSON', status: 400, code: 'BODY_MALFORMED' } }
  }
  try {
    return { value: await validate(schema, parsed, 'The body') }
  } catch (error) {
    // Only here is an invalid value the client's own.
    if (isValidationError(error)) return { problem: problemFrom(error) }
    throw error
  }
}

function concat(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.byteLength
  }
  return all
}
