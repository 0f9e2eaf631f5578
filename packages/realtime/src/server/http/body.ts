import { BODY_TIMEOUT_MS, bodyProblem, readText } from '@msc/core/http-request'

export type RequestText =
  | { readonly text: string; readonly refusal?: never }
  /** 413, 408, 415 or 400, in the words of the server's other errors. */
  | { readonly text?: never; readonly refusal: Response }

/** A request's body, or what is answered in its place; what is too large or too slow is not read to its end. */
export async function textOf(request: Request, maxBytes: number): Promise<RequestText> {
  const { signal } = request
  const { text, refused } = await readText(request, { maxBytes, timeoutMs: BODY_TIMEOUT_MS, signal, utf8: 'lenient' })
  if (refused === undefined) return { text }
  const { status, title, headers = {} } = bodyProblem(refused, maxBytes)
  return { refusal: Response.json({ error: title }, { status, headers }) }
}
