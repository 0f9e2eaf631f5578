import { runReported, type Clock, type ErrorReporter } from '@msc/core'
import { createOutbox, jsonBytes, type Drop, type Outbox, type OutboxStore, type SinkOf } from '@msc/core/delivery'
import type { AnalyticsDriver } from '../driver.ts'
import type { Envelope, MessageKind } from '../messages.ts'

/** A loss, and the driver that lost it. */
export interface AnalyticsDrop extends Drop {
  readonly driver: string
}

export interface SinkOptions {
  readonly maxQueue: number
  readonly maxQueueBytes: number | undefined
  readonly flushIntervalMs: number
  readonly batchSize: number | undefined
  readonly timeoutMs: number
  readonly clock: Clock
  readonly random: (() => number) | undefined
  readonly store: OutboxStore<Envelope> | undefined
  readonly onDrop: ((drop: AnalyticsDrop) => unknown) | undefined
  readonly onError: ErrorReporter
}

export type Sink = SinkOf<AnalyticsDriver, Envelope>

export function createSink(driver: AnalyticsDriver, options: SinkOptions): Sink {
  const { onDrop, onError, maxQueueBytes, batchSize, random, store } = options
  const { kinds, limits } = driver.capabilities
  const taken = new Set<MessageKind>(kinds)
  const outbox: Outbox<Envelope> = createOutbox({
    concern: 'analytics',
    driver: driver.name,
    label: labelOf,
    send: (envelopes, context) => driver.send(envelopes, context),
    sendSync: driver.sendSync?.bind(driver),
    limits:
      batchSize === undefined ? limits : { ...limits, maxItems: Math.max(1, Math.min(batchSize, limits.maxItems)) },
    maxQueue: options.maxQueue,
    ...(maxQueueBytes !== undefined && { maxQueueBytes }),
    ...(driver.leavingMaxBytes && { leavingMaxBytes: driver.leavingMaxBytes.bind(driver) }),
    flushIntervalMs: options.flushIntervalMs,
    timeoutMs: options.timeoutMs,
    clock: options.clock,
    ...(random && { random }),
    ...(store && { store }),
    onDrop: (drop) =>
      runReported(
        () => onDrop?.({ ...drop, driver: driver.name }),
        { concern: 'analytics', operation: 'onDrop', driver: driver.name },
        onError,
      ),
    onError,
  })
  return {
    driver,
    breaker: outbox.breaker,
    push: (envelope) => !taken.has(envelope.message.kind) || outbox.push(envelope),
    drop: outbox.drop,
    stats: outbox.stats,
    limited: outbox.limited,
    flush: outbox.flush,
    close: outbox.close,
    lastWords: outbox.lastWords,
  }
}

/** Approximate bytes of the fields around the content on the wire: names, library, address of the page. */
const AROUND_BYTES = 300

function labelOf(envelope: Envelope): { id: string; kind: string; bytes: number } {
  return { id: envelope.id, kind: envelope.message.kind, bytes: AROUND_BYTES + jsonBytes(envelope) }
}
