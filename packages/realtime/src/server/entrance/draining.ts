import { assertNumbers, type CancelTimer } from '@msc/core'
import { deferred } from '../../base/promises.ts'
import type { Runtime } from '../runtime.ts'
import { linger } from '../rooms/presence.ts'
import type { Rooms } from '../rooms/rooms.ts'
import type { Client, Clients } from './clients.ts'

export interface DrainOptions {
  /** Milliseconds over which those who are connected are told to come back elsewhere. Default 30 000. */
  readonly overMs?: number
  /** Milliseconds before the first is told: what the balancer needs to see that health is 503. Default 0. */
  readonly afterMs?: number
}

/** A server that is to end: nobody comes, and those who are there go one after the other. */
export interface Draining {
  readonly isOn: boolean
  /** Resolves when all are gone, or at the latest 5 s after the time. @throws ConfigError `OPTION_INVALID`. */
  begin(options?: DrainOptions): Promise<void>
  /** Ends it where it is. */
  close(): void
}

interface DrainingPorts {
  readonly clients: Clients
  readonly rooms: Rooms
  readonly runtime: Runtime
}

/** Told to a client of ours, which then does not wait before it comes back: 1012 is "Service Restart" (RFC 6455, IANA). */
const CODE = 1012
const REASON = 'Service restart; spread=0'
/** Milliseconds between two times that some are told. */
const STEP_MS = 100
/** Milliseconds that somebody who was told is still present, so that it is not seen how they go over. */
const LINGER_MS = 5000
/** Milliseconds in which what a client has said is answered. */
const ANSWER_MS = 1000
/** Milliseconds in which everybody has heard it. */
const GOODBYE_MS = 1000
const MAX_MS = 3_600_000

export function createDraining({ clients, rooms, runtime }: DrainingPorts): Draining {
  const { clock, attempt } = runtime
  let running: Promise<void> | undefined
  let finishAll = (): void => {}
  let cancelStep: CancelTimer = () => {}
  /** Those who were told, and may be on their way. */
  const lingering = new Map<() => void, CancelTimer>()
  /** Those who are to be told, and wait for answers. */
  const finishing = new Map<() => void, CancelTimer>()

  /** Told once what it has said is answered: it would otherwise say it again, or take it for lost. */
  const finish = (client: Client): void => {
    const finished = client.finish()
    if (!finished) return handOver(client)
    const once = (): void => {
      if (!finishing.delete(once)) return
      cancel()
      // It may have gone by itself meanwhile.
      if (client.connection.gone) settle()
      else attempt('hand a client over', () => handOver(client))
    }
    const cancel = clock.setTimeout(once, ANSWER_MS, { keepAlive: true })
    finishing.set(once, cancel)
    void finished.then(once)
  }
  const handOver = (client: Client): void => {
    const present = [...client.connection.memberships.values()].flatMap((member) => linger(member, rooms) ?? [])
    const over = (): void => {
      lingering.delete(over)
      for (const end of present) attempt('end a presence', end)
      settle()
    }
    lingering.set(over, clock.setTimeout(over, present.length > 0 ? LINGER_MS : GOODBYE_MS, { keepAlive: true }))
    clients.handOver(client, CODE, REASON)
  }
  let isTold = false
  const settle = (): void => {
    if (isTold && clients.size === 0 && lingering.size === 0) finishAll()
  }
  const drain = (overMs: number, afterMs: number): Promise<void> => {
    const { promise, resolve } = deferred<void>()
    // Nobody comes any more, so that these are all.
    const all = clients.all()
    const startAt = clock.monotonic() + afterMs
    const cancelLast = clock.setTimeout(() => finishAll(), afterMs + overMs + LINGER_MS, { keepAlive: true })
    let told = 0
    finishAll = () => {
      cancelLast()
      cancelStep()
      resolve()
    }
    const step = (): void => {
      const passed = clock.monotonic() - startAt
      const due = overMs === 0 ? all.length : Math.min(all.length, Math.ceil((all.length * passed) / overMs))
      for (; told < due; told++) {
        const client = all[told] as (typeof all)[number]
        if (!client.connection.gone) attempt('hand a client over', () => finish(client))
      }
      isTold = told === all.length
      if (isTold) settle()
      else cancelStep = clock.setTimeout(step, STEP_MS, { keepAlive: true })
    }
    cancelStep = clock.setTimeout(step, afterMs, { keepAlive: true })
    return promise
  }
  return {
    get isOn() {
      return running !== undefined
    },
    async begin({ overMs = 30_000, afterMs = 0 } = {}) {
      const rule = { least: 0, most: MAX_MS }
      assertNumbers('realtime', { overMs, afterMs }, { overMs: rule, afterMs: rule }, 'drain')
      running ??= drain(overMs, afterMs)
      await running
    },
    close() {
      for (const timers of [lingering, finishing]) {
        for (const cancel of timers.values()) cancel()
        timers.clear()
      }
      finishAll()
    },
  }
}
