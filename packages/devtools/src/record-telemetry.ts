import {
  assertNumbers,
  createRedactor,
  onTelemetry,
  systemClock,
  type Clock,
  type Journal,
  type JournalKind,
  type ListenOptions,
  type TelemetryEvent,
} from '@msc/core'

export interface RecordTelemetryOptions extends ListenOptions {
  /**
   * The most operations per second that are written, except runs and steps, which always are. The others are counted in
   * a record of the kind `drop`. Default 1 000.
   */
  readonly maxSpansPerSecond?: number
  readonly clock?: Clock
}

const KINDS: ReadonlyMap<string, JournalKind> = new Map([
  ['jobs.run', 'run'],
  ['jobs.step', 'step'],
  ['cron.run', 'run'],
  ['driver.drop', 'drop'],
])

/** They come again and again, whatever is done, and would push out what was. Named in `names`, they are written. */
const SAMPLES: ReadonlySet<string> = new Set(['realtime.sample'])

/** Attributes are few and short by their types; the budget is for callers that pass anything. */
const BUDGET = { maxNodes: 200, maxChars: 8000, maxString: 2000, maxDepth: 4 }

/**
 * Writes the operations of this process into the journal as they end, until the returned function is called. Each
 * record names the operation that contains it, which makes a trace a tree.
 */
export function recordTelemetry(journal: Journal, options: RecordTelemetryOptions = {}): () => void {
  assertNumbers('devtools', options, { maxSpansPerSecond: 0 })
  const { maxSpansPerSecond = 1000, clock = systemClock, names } = options
  const clean = createRedactor(BUDGET)
  let second = 0
  let written = 0
  let left = 0

  const countLeft = (): void => {
    if (left === 0) return
    const counts = [{ kind: 'span', reason: 'too many in a second', count: left }]
    journal.append({ kind: 'drop', name: `${left} span: too many in a second`, payload: { by: 'telemetry', counts } })
    left = 0
  }
  const hasRoom = (): boolean => {
    const now = Math.floor(clock.monotonic() / 1000)
    if (now !== second) {
      second = now
      written = 0
      countLeft()
    }
    if (written >= maxSpansPerSecond) {
      left += 1
      return false
    }
    written += 1
    return true
  }
  const stop = onTelemetry(
    (event) => {
      if (!names && SAMPLES.has(event.name)) return
      const kind = KINDS.get(event.name) ?? 'span'
      if (kind === 'span' && !hasRoom()) return
      journal.append({ ...placeOf(event), kind, payload: { ...timesOf(event), attributes: clean(event.attributes) } })
    },
    { ...(names && { names }) },
  )
  return () => {
    stop()
    countLeft()
  }
}

function placeOf({ name, startedAt, traceId, userId }: TelemetryEvent) {
  return {
    name,
    ts: startedAt,
    ...(traceId !== undefined && { traceId }),
    ...(userId !== undefined && { userId }),
  }
}

function timesOf({ durationMs, spanId, parentSpanId }: TelemetryEvent) {
  return {
    durationMs,
    ...(spanId !== undefined && { spanId }),
    ...(parentSpanId !== undefined && { parentSpanId }),
  }
}
