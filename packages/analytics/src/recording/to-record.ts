import type { JournalEntry } from '@msc/core'
import type { Envelope, Message } from '../messages.ts'

/**
 * Turns an envelope into a journal record. Servers write it and browsers post it in the same form, and devtools reads
 * it.
 */
export function toRecord(envelope: Envelope): JournalEntry {
  const { id, at, subject, message, source, traceId, release, page } = envelope
  const userId = subject.distinctId ?? subject.anonymousId
  return {
    kind: message.kind === 'exposure' ? 'exposure' : 'event',
    ts: at,
    name: nameOf(message),
    ...(userId !== undefined && { userId }),
    ...(traceId !== undefined && { traceId }),
    ...(release !== undefined && { release }),
    payload: { eventId: id, type: message.kind, source, subject, properties: propertiesOf(message), page },
  }
}

function nameOf(message: Message): string {
  switch (message.kind) {
    case 'track':
      return message.event
    case 'exposure':
      return message.flag
    case 'page':
      return message.path
    default:
      return message.kind
  }
}

function propertiesOf(message: Message): Readonly<Record<string, unknown>> {
  if (message.kind === 'track') return message.properties
  const { kind: _kind, ...rest } = message
  return rest
}
