import { DriverError, closedError } from '@msc/core'
import type { BusHandlers, RealtimeBus } from './bus.ts'
import { publishing, type BusPublisher, type PublisherOptions } from './publisher.ts'

/** What the buses of one process have in common. */
export interface MemoryBusHub {
  readonly hearing: Set<(text: string) => void>
}

export interface MemoryBus extends RealtimeBus, BusPublisher {
  /** Takes its backend away: it hears nothing, and `send` rejects. */
  cut(): void
  /** Brings it back. */
  mend(): void
}

export function createMemoryBusHub(): MemoryBusHub {
  return { hearing: new Set() }
}

/** A bus within one process, for tests. What is sent while it is cut is lost, as with the others. */
export function memoryBus(hub: MemoryBusHub, options?: PublisherOptions): MemoryBus {
  let handlers: BusHandlers | undefined
  let isCut = false
  let closed = false
  const hear = (text: string): void => {
    // Later, as over a network: whoever sends has gone on by then.
    queueMicrotask(() => {
      if (!closed && !isCut) handlers?.onMessage(text)
    })
  }
  const assertThere = (): void => {
    if (closed) throw closedError('memory')
    if (isCut) throw new DriverError('memory', 'The bus is cut.', { code: 'DRIVER_UNREACHABLE', retryable: true })
  }
  const bus: Omit<MemoryBus, 'publish'> = {
    specificationVersion: 1,
    name: 'memory',
    async start(given) {
      if (closed) throw closedError('memory')
      handlers = given
      hub.hearing.add(hear)
    },
    async send(text, signal) {
      signal.throwIfAborted()
      assertThere()
      for (const each of hub.hearing) each(text)
    },
    async health() {
      assertThere()
    },
    async close() {
      closed = true
      hub.hearing.delete(hear)
    },
    cut() {
      isCut = true
      handlers?.onError(new DriverError('memory', 'The bus is cut.', { retryable: true }))
    },
    mend() {
      isCut = false
      handlers?.onGap()
    },
  }
  return publishing(bus, options)
}
