import { runReported, type Clock, type ErrorReporter } from '@msc/core'
import { createOutbox, jsonBytes, type Drop, type Outbox, type SinkOf } from '@msc/core/delivery'
import type { MonitoringDriver } from './driver.ts'
import type { DropsSignal, Signal, SignalKind } from './signals.ts'

/** A loss with the driver that it concerns. */
export interface SignalDrop extends Drop {
  readonly driver: string
}

export interface SinkOptions {
  readonly maxQueue: number
  readonly maxQueueBytes: number | undefined
  readonly flushIntervalMs: number
  readonly timeoutMs: number
  readonly clock: Clock
  readonly random: (() => number) | undefined
  readonly newId: () => string
  readonly onDrop: ((drop: SignalDrop) => unknown) | undefined
  readonly onError: ErrorReporter
}

export type Sink = SinkOf<MonitoringDriver, Signal>

/** Milliseconds between two reports of losses to a backend. */
const REPORT_DROPS_MS = 30_000

export function createSink(driver: MonitoringDriver, options: SinkOptions): Sink {
  const { clock, newId, onDrop, onError } = options
  const { kinds, limits } = driver.capabilities
  const taken = new Set<SignalKind>(kinds)
  const lost = new Map<string, { readonly kind: string; readonly reason: Drop['reason']; count: number }>()
  let reportedAt = clock.monotonic()

  const noteDrop = (drop: Drop): void => {
    // The loss of a report of losses is not reported.
    if (drop.kind === 'drops') return
    const key = `${drop.kind} ${drop.reason}`
    const known = lost.get(key)
    if (known) known.count += drop.count
    else lost.set(key, { kind: drop.kind, reason: drop.reason, count: drop.count })
    runReported(
      () => onDrop?.({ ...drop, driver: driver.name }),
      { concern: 'monitoring', operation: 'onDrop', driver: driver.name },
      onError,
    )
  }
  const outbox: Outbox<Signal> = createOutbox({
    concern: 'monitoring',
    driver: driver.name,
    label: (signal) => ({ id: signal.id, kind: signal.kind, bytes: jsonBytes(signal) }),
    send: (signals, context) => driver.send(signals, context),
    sendSync: driver.sendSync?.bind(driver),
    limits,
    maxQueue: options.maxQueue,
    ...(options.maxQueueBytes !== undefined && { maxQueueBytes: options.maxQueueBytes }),
    ...(driver.leavingMaxBytes && { leavingMaxBytes: driver.leavingMaxBytes.bind(driver) }),
    flushIntervalMs: options.flushIntervalMs,
    timeoutMs: options.timeoutMs,
    clock,
    ...(options.random && { random: options.random }),
    onDrop: noteDrop,
    onError,
  })
  /** Reports losses to the backend if it supports that. */
  const reportDrops = (): void => {
    reportedAt = clock.monotonic()
    if (lost.size === 0 || !taken.has('drops')) return
    const counts = [...lost.values()]
    lost.clear()
    const signal: DropsSignal = { kind: 'drops', id: newId(), timestamp: clock.now(), tags: {}, counts }
    outbox.push(signal)
  }

  return {
    driver,
    breaker: outbox.breaker,
    push(signal) {
      if (!taken.has(signal.kind)) return true
      if (clock.monotonic() - reportedAt >= REPORT_DROPS_MS) reportDrops()
      return outbox.push(signal)
    },
    drop: outbox.drop,
    stats: outbox.stats,
    limited: outbox.limited,
    flush(budgetMs, urgency) {
      reportDrops()
      return outbox.flush(budgetMs, urgency)
    },
    close(budgetMs) {
      reportDrops()
      return outbox.close(budgetMs)
    },
    lastWords: outbox.lastWords,
  }
}
