import { type Carrier, isRecord, jsonForm } from '@msc/core'
import type { JobEvent } from '../define-job.ts'
import { INVOKED, SCHEDULED } from '../payloads.ts'

/** The property of an event's data that carries the trace; taken off before a handler sees the data. */
const CARRIER = '_mscCarrier'

interface Mark extends Partial<Carrier> {
  /** The data was not an object and is in `value`: Inngest knows only objects. */
  readonly bare?: true
}

/** An event as the SDK gives it. */
export interface SdkEvent {
  readonly id?: string
  readonly name: string
  readonly data?: Record<string, unknown>
  readonly ts?: number
}

/** Data with its trace. Properties stay where expressions such as `event.data.userId` look for them. */
export function wrap(given: unknown, carrier: Carrier): Record<string, unknown> {
  const data = jsonForm(given)
  if (isRecord(data)) return { ...data, [CARRIER]: carrier }
  return { value: data, [CARRIER]: { ...carrier, bare: true } satisfies Mark }
}

export function unwrap(event: SdkEvent, fallbackId: string): { carrier: Partial<Carrier>; event: JobEvent } {
  // `_inngest` is what Inngest adds for the run that it invokes.
  const { [CARRIER]: mark = {}, _inngest: _own, ...data } = event.data ?? {}
  const { bare, ...carrier } = mark as Mark
  const name = NAMES[event.name] ?? event.name
  return {
    carrier,
    event: { id: event.id ?? fallbackId, name, data: bare ? data['value'] : data, ts: event.ts ?? Date.now() },
  }
}

/** Inngest's names for what is ours. */
const NAMES: Readonly<Record<string, string>> = {
  'inngest/function.invoked': INVOKED,
  'inngest/scheduled.timer': SCHEDULED,
}
