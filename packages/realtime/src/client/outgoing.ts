import type { asWritten } from '../base/as-written.ts'
import { readExactly } from '../base/exact-json.ts'
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

export type Written = ReturnType<typeof asWritten>

/**
 * What was written by `asWritten`, as values again. What JSON can't carry, or has nothing of, as of a Map, is what was given: who
 * knows why refuses it.
 */
export function readBack<Values extends readonly unknown[]>(written: Written, given: Values): Values {
  return written.map((value, index) => {
    if (value === undefined || (value === '{}' && !isObject(given[index]))) return given[index]
    return typeof value === 'string' ? readExactly(value) : value
  }) as unknown as Values
}

const isObject = (value: unknown): boolean => ({}).toString.call(value) === '[object Object]'

/** @throws ConfigError `REALTIME_PAYLOAD_TOO_LARGE` for what the server would refuse, and may close the connection for. */
export function assertFits(refuse: typeof refusal, payload: unknown, limit: number | undefined): void {
  if (!limit) return
  const bytes = payload instanceof Uint8Array ? payload : new TextEncoder().encode(JSON.stringify(payload))
  if (bytes.length <= limit) return
  throw refuse(`${bytes.length} bytes are too many to be sent.`, 'REALTIME_PAYLOAD_TOO_LARGE', {
    hint: `The server takes ${limit} bytes. Send less, or an address where the rest is to be had.`,
  })
}
