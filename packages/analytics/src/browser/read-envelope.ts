import type { Redactor } from '@msc/core'
import type { Envelope, PageContext } from '../messages.ts'
import { readSubject } from '../recording/bad-call.ts'
import { buildEnvelope, type MessageInput } from '../recording/build-envelope.ts'
import { isPlausibleTime } from '../recording/read-time.ts'
import { isUuid } from '../recording/uuid.ts'

export interface EnvelopeReaderOptions {
  readonly clean: Redactor
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/**
 * Reads an envelope that an earlier page stored. Another version of this code or another script may have written it, so
 * it is rebuilt by the same rules as a new one. An impossible time becomes now.
 *
 * @throws ValidationError or TypeError for a value that is not an envelope.
 */
export function createEnvelopeReader({ clean, now }: EnvelopeReaderOptions): (stored: unknown) => Envelope | undefined {
  return (stored) => {
    const { id, at, subject, message, source, traceId, release, page } = Object(stored) as Record<string, unknown>
    if (typeof id !== 'string' || !isUuid(id) || typeof at !== 'number' || source !== 'browser') return undefined
    if (typeof subject !== 'object') return undefined
    return buildEnvelope(
      {
        id,
        at: isPlausibleTime(at, now()) ? at : now(),
        subject: readSubject(subject),
        source,
        ...(typeof traceId === 'string' && { traceId: clean.text(traceId) }),
        ...(typeof release === 'string' && { release: clean.text(release) }),
        ...(typeof page === 'object' && page !== null && { page: readPage(page) }),
      },
      message as MessageInput,
      clean,
    )
  }
}

function readPage(page: object): PageContext {
  const names = ['url', 'referrer', 'title', 'userAgent'] as const
  const read = page as Readonly<Record<string, unknown>>
  return Object.fromEntries(names.map((name) => [name, read[name]]).filter(([, value]) => typeof value === 'string'))
}
