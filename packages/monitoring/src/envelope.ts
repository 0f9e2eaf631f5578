export interface EnvelopeItem {
  readonly type: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly payload: Uint8Array
}

export interface Envelope {
  readonly headers: Readonly<Record<string, unknown>>
  readonly items: readonly EnvelopeItem[]
  /** The reason why reading stopped before the end of the body. The items before it are complete. */
  readonly problem?: string
}

const NEWLINE = 0x0a
const MAX_ITEMS = 1000

/**
 * Parses a Sentry envelope: a header line, then items, each with a header line and a payload. The header gives the length
 * of the payload, or else a newline ends it. A truncated or malformed item loses itself and what follows, but nothing
 * before it.
 *
 * Source: https://develop.sentry.dev/sdk/data-model/envelopes/
 *
 * @throws Error when the first line is not an envelope's header.
 */
export function parseEnvelope(body: Uint8Array): Envelope {
  const decoder = new TextDecoder()
  let position = 0
  const lineEnd = (): number => {
    const end = body.indexOf(NEWLINE, position)
    return end === -1 ? body.length : end
  }
  const readHeaders = (): Record<string, unknown> => {
    const end = lineEnd()
    const headers: unknown = JSON.parse(decoder.decode(body.subarray(position, end)))
    position = end + 1
    if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) throw new Error('headers expected')
    return headers as Record<string, unknown>
  }

  const readItem = (): EnvelopeItem => {
    const itemHeaders = readHeaders()
    const { type, length } = itemHeaders
    if (typeof type !== 'string') throw new Error('an item without a type')
    const end = typeof length === 'number' ? position + length : lineEnd()
    if (!Number.isInteger(end) || end < position || end > body.length) throw new Error('a truncated item')
    const payload = body.subarray(position, end)
    position = end + 1
    return { type, headers: itemHeaders, payload }
  }

  const headers = readHeaders()
  const items: EnvelopeItem[] = []
  while (position < body.length) {
    if (body[position] === NEWLINE) {
      position += 1
      continue
    }
    if (items.length === MAX_ITEMS) return { headers, items, problem: 'too many items' }
    try {
      items.push(readItem())
    } catch (error) {
      return { headers, items, problem: (error as Error).message }
    }
  }
  return { headers, items }
}
