export interface EnvelopeItem {
  readonly type: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly payload: Uint8Array
}

export interface Envelope {
  readonly headers: Readonly<Record<string, unknown>>
  readonly items: readonly EnvelopeItem[]
  /** Why reading ended before the body did; the items before are whole. */
  readonly problem?: string
}

const NEWLINE = 0x0a
const MAX_ITEMS = 1000

/**
 * A Sentry envelope: a header line, then items of a header line and a payload, whose length the header gives or the
 * next newline ends. An item that is cut off or is none costs itself and what follows, not what came before.
 *
 * Source: https://develop.sentry.dev/sdk/data-model/envelopes/
 *
 * @throws Error when its first line is none of an envelope's.
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
    if (!Number.isInteger(end) || end < position || end > body.length) throw new Error('an item that is cut off')
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
