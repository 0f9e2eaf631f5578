import type { Envelope, MessageKind } from '../messages.ts'
import { ALL_KINDS } from '../drivers/kinds.ts'

/** An envelope that was stored by an earlier life of the page, which may have had another version of this code. */
export function readEnvelope(value: unknown): Envelope | undefined {
  const { id, at, subject, message, source } = Object(value) as Record<string, unknown>
  const { distinctId, anonymousId } = Object(subject) as Record<string, unknown>
  const { kind } = Object(message) as Record<string, unknown>
  const known =
    typeof id === 'string' &&
    typeof at === 'number' &&
    Number.isFinite(at) &&
    (typeof distinctId === 'string' || typeof anonymousId === 'string') &&
    ALL_KINDS.includes(kind as MessageKind) &&
    source === 'browser'
  return known ? (value as Envelope) : undefined
}
