import { carrier, randomHex } from '@msc/core'

/** The trace, and an id by which a message delivered twice is known. Taken off before anybody sees the payload. */
export function stamped(payload: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...payload, _msc: { id: randomHex(12), traceparent: carrier().traceparent } }
}
