import { carrier, jsonForm, randomHex } from '@msc/core'
import type { Payload } from './message.ts'

/** What every message carries beside its payload, as the property `_msc`. */
export interface Stamp {
  /** By which a message that is delivered twice is known. */
  readonly id?: string
  /** Of the work that wrote it. */
  readonly traceparent?: string
  readonly cursor?: unknown
  /** It was too large to be sent, and says only that there is one. */
  readonly more?: boolean
}

/** A payload as it travels. */
export type Stamped = Payload & { readonly _msc?: Stamp }

/** Puts the stamp on. Default: with an id of its own, and the trace that goes on here. */
export function stamped(
  payload: Payload,
  stamp: Stamp = { id: randomHex(12), traceparent: carrier().traceparent },
): Stamped {
  return { ...jsonForm(payload), _msc: stamp }
}

/** Takes the stamp off, before anybody sees the payload. Both came over a network, so that neither may be what it should be. */
export function unstamped(raw: Payload): { readonly stamp: Stamp; readonly payload: Payload } {
  const { _msc: stamp = {}, ...payload } = raw as Stamped
  return { stamp, payload }
}
