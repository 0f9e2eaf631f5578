import type { Payload } from './message.ts'

/** What a message carries beside its payload, as the property `_msc`, where the payload is an object. */
export interface Stamp {
  /** By which a message that is delivered twice is known. */
  readonly id?: string
  /** Of the work that wrote it. */
  readonly traceparent?: string
  readonly cursor?: unknown
  /** It may be sent again, by the same id, when it is not known whether it was taken. */
  readonly kept?: boolean
  /** It was too large to be sent, and says only that there is one. */
  readonly more?: boolean
}

/** A payload as it travels. */
export type Stamped = Payload & { readonly _msc?: Stamp }

/** Takes the stamp off, before anybody sees the payload. Both came over a network, so that neither may be what it should be. */
export function unstamped<T>(raw: T): { readonly stamp: Stamp; readonly payload: T extends Payload ? Payload : unknown }
export function unstamped(raw: unknown): { readonly stamp: Stamp; readonly payload: unknown } {
  // A text, a list or bytes would be mangled by the spread.
  if ({}.toString.call(raw) !== '[object Object]') return { stamp: {}, payload: raw }
  const { _msc, ...payload } = raw as Stamped
  return { stamp: Object(_msc) as Stamp, payload }
}
