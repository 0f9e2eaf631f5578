import { createRedactor, onTelemetry, type Journal, type JournalKind } from '@msc/core'

const KINDS: Readonly<Record<string, JournalKind>> = {
  'jobs.run': 'run',
  'jobs.step': 'step',
  'cron.run': 'run',
  'driver.drop': 'drop',
}

/** Writes every operation of this process into the journal, until the returned function is called. */
export function recordTelemetry(journal: Journal): () => void {
  const clean = createRedactor()
  return onTelemetry((event) => {
    const { name, startedAt, durationMs, traceId, spanId, parentSpanId, userId, attributes } = event
    journal.append({
      kind: Object.hasOwn(KINDS, name) ? (KINDS[name] as JournalKind) : 'span',
      name,
      ts: startedAt,
      ...(traceId !== undefined && { traceId }),
      ...(userId !== undefined && { userId }),
      payload: {
        durationMs,
        ...(spanId !== undefined && { spanId }),
        ...(parentSpanId !== undefined && { parentSpanId }),
        attributes: clean(attributes),
      },
    })
  })
}
