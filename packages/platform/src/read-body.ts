import { isValidationError, validate, type StandardSchema } from '@msc/core'
import { BODY_TIMEOUT_MS, bodyProblem, parseJson, readText, type ProblemOptions } from '@msc/core/http-request'
import { problemFrom } from './problem.ts'

/** `text` is the body as it was sent. */
export type BodyResult<T> = { readonly value: T; readonly text: string } | { readonly problem: ProblemOptions }

/**
 * Reads the request's JSON body, checking in order its type (415), its size as it arrives (413), whether it arrives
 * whole (400) and in time (408), its encoding (415), its syntax and that it is not nested deeper than 128 levels (400), and its shape (422). Reads no more than `maxBytes`, whatever
 * Content-Length says.
 *
 * @throws ConfigError `BODY_CONSUMED` when the body has been read already.
 */
export async function readJson<T>(
  request: Request,
  schema: StandardSchema<unknown, T>,
  maxBytes: number,
): Promise<BodyResult<T>> {
  if (mediaType(request) !== 'application/json') {
    return { problem: { title: 'Send application/json', status: 415, code: 'CONTENT_TYPE_UNSUPPORTED' } }
  }
  const { signal } = request
  const { text, refused } = await readText(request, { maxBytes, timeoutMs: BODY_TIMEOUT_MS, signal, utf8: 'strict' })
  if (refused !== undefined) return { problem: bodyProblem(refused, maxBytes) }
  let parsed: unknown
  try {
    parsed = parseJson(text)
  } catch {
    return { problem: { title: 'The body is not JSON', status: 400, code: 'BODY_MALFORMED' } }
  }
  return checked(schema, parsed, text)
}

/** Says whether the request was sent by an HTML form. Forms with files, `multipart/form-data`, are not read. */
export function isForm(request: Request): boolean {
  return mediaType(request) === 'application/x-www-form-urlencoded'
}

/** The field in which a form carries its `Idempotency-Key`, since it can send no header. */
export const FORM_KEY = '_key'

/** More fields than any form has. */
const MAX_FIELDS = 200

/**
 * Reads the fields of an HTML form, whose values are all text, for the schema without {@link FORM_KEY}. Like {@link readJson}, and 422 for a field that is sent twice:
 * whoever reads the first and whoever reads the last would not mean the same.
 *
 * @param keep Called with the fields before they are validated, so that the form can be shown again as it was.
 * @throws ConfigError `BODY_CONSUMED` when the body has been read already.
 */
export async function readForm<T>(
  request: Request,
  schema: StandardSchema<unknown, T>,
  maxBytes: number,
  keep: (values: Readonly<Record<string, string>>) => void,
): Promise<BodyResult<T>> {
  const { signal } = request
  const { text, refused } = await readText(request, { maxBytes, timeoutMs: BODY_TIMEOUT_MS, signal, utf8: 'strict' })
  if (refused !== undefined) return { problem: bodyProblem(refused, maxBytes) }
  // Before they are taken apart: a quarter of a megabyte of signs is a hundred thousand fields.
  const fields = text.split('&', MAX_FIELDS + 1).length > MAX_FIELDS ? undefined : [...new URLSearchParams(text)]
  // Without a prototype: the names are the client's.
  const values = Object.create(null) as Record<string, string>
  for (const [name, value] of fields ?? []) values[name] = value
  if (!fields || Object.keys(values).length < fields.length) {
    return { problem: { title: 'The form has a field twice, or too many', status: 422, code: 'FORM_INVALID' } }
  }
  keep(values)
  const { [FORM_KEY]: _, ...fieldsOfSchema } = values
  return checked(schema, fieldsOfSchema, text)
}

async function checked<T>(schema: StandardSchema<unknown, T>, given: unknown, text: string): Promise<BodyResult<T>> {
  try {
    return { value: await validate(schema, given, 'The body'), text }
  } catch (error) {
    // Only here is an invalid value the client's own.
    if (isValidationError(error)) return { problem: problemFrom(error) }
    throw error
  }
}

function mediaType(request: Request): string | undefined {
  return request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
}
