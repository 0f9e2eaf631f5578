import type { refusal } from '../base/refusal.ts'

/**
 * The JSON text of what is sent.
 *
 * @throws ConfigError `REALTIME_PAYLOAD_INVALID` for what JSON can't carry: nothing, a function, a cycle, a BigInt, or what a
 *   `toJSON` of the application throws.
 */
export function writable(refuse: typeof refusal, topic: string, payload: unknown): string {
  let cause: unknown
  try {
    const text = JSON.stringify(payload) as string | undefined
    if (text !== undefined) return text
  } catch (error) {
    cause = error
  }
  throw refuse(`What is sent to ${topic} can not be written as JSON.`, 'REALTIME_PAYLOAD_INVALID', {
    hint: 'Pass text in place of a BigInt, ids in place of objects that refer to each other, and to `track` a plain object.',
    cause,
  })
}

const tagOf = (value: unknown): string => ({}).toString.call(value)

/**
 * The copies of what was given, but for those that say something else: of a Map, which is nothing in JSON, or of a number of
 * `JSON.rawJSON`, whose digits are gone.
 */
export function chosen<Values extends readonly unknown[]>(copies: Values, given: readonly unknown[]): Values {
  return copies.map((copy, index) => (saysTheSame(given[index], copy) ? copy : given[index])) as unknown as Values
}

function saysTheSame(given: unknown, copy: unknown): boolean {
  try {
    if (!(given as { toJSON?: unknown }).toJSON && tagOf(given) !== tagOf(copy)) return false
    const text = JSON.stringify(given)
    return JSON.stringify(JSON.parse(text)) === text
  } catch {
    // Such as null, and what JSON can't carry: that is no copy.
    return true
  }
}

/** @throws ConfigError `REALTIME_PAYLOAD_TOO_LARGE` for what the server would refuse, and may close the connection for. */
export function assertFits(refuse: typeof refusal, payload: unknown, limit: number | undefined): void {
  if (!limit) return
  const bytes = payload instanceof Uint8Array ? payload : new TextEncoder().encode(JSON.stringify(payload))
  if (bytes.length <= limit) return
  throw refuse(`${bytes.length} bytes are too many to be sent.`, 'REALTIME_PAYLOAD_TOO_LARGE', {
    hint: `The server takes ${limit} bytes. Send less, or an address where the rest is to be had.`,
  })
}
