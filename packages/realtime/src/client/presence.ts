import type { PresenceState } from '../driver.ts'

/** One connection of a key, as the wire carries it. */
interface PresenceMeta extends Readonly<Record<string, unknown>> {
  readonly phx_ref: string
}
export type WireState = Readonly<Record<string, { readonly metas: readonly PresenceMeta[] }>>
export interface WireDiff {
  readonly joins: WireState
  readonly leaves: WireState
}
export type Presence = ReadonlyMap<string, readonly PresenceMeta[]>

export function fromState(state: WireState): Presence {
  return new Map(Object.entries(state).map(([key, { metas }]) => [key, [...metas]]))
}

/** The state after a diff. Joins replace an entry of the same reference; a leave of an unknown one changes nothing. */
export function applyDiff(presence: Presence, { joins, leaves }: WireDiff): Presence {
  const next = new Map(presence)
  for (const [key, { metas }] of Object.entries(joins)) {
    const refs = new Set(metas.map((meta) => meta.phx_ref))
    next.set(key, [...(next.get(key) ?? []).filter((meta) => !refs.has(meta.phx_ref)), ...metas])
  }
  for (const [key, { metas }] of Object.entries(leaves)) {
    const refs = new Set(metas.map((meta) => meta.phx_ref))
    const left = (next.get(key) ?? []).filter((meta) => !refs.has(meta.phx_ref))
    if (left.length > 0) next.set(key, left)
    else next.delete(key)
  }
  return next
}

/** As an application sees it: without the wire's references. */
export function toState(presence: Presence): PresenceState {
  const entries = [...presence].map(
    ([key, metas]) => [key, metas.map(({ phx_ref: _ref, phx_ref_prev: _previous, ...meta }) => meta)] as const,
  )
  return Object.fromEntries(entries)
}
