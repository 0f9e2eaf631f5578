import { ValidationError, toError } from '@msc/core'

/**
 * What the application publishes, as everybody gets it: bytes as they are, anything else as JSON.
 *
 * @throws ValidationError `REALTIME_PAYLOAD_UNWRITABLE` for what JSON can't carry.
 */
export function payloadText(payload: unknown): string | Uint8Array {
  if (payload instanceof Uint8Array) return payload
  try {
    const text = JSON.stringify(payload === undefined ? {} : payload)
    // A function, or what a `toJSON` makes nothing of.
    if (typeof text === 'string') return text
    throw new TypeError('JSON has nothing for it')
  } catch (error) {
    throw unwritable('The payload can not be written as JSON.', error)
  }
}

/** The error for a payload that can't go out as it is. */
export function unwritable(message: string, cause?: unknown): ValidationError {
  return new ValidationError(`[msc/realtime] ${message}`, [{ path: 'payload', message }], {
    code: 'REALTIME_PAYLOAD_UNWRITABLE',
    hint: 'Pass text in place of bytes and a BigInt, and ids in place of objects that refer to each other.',
    ...(cause !== undefined && { cause: toError(cause) }),
  })
}
