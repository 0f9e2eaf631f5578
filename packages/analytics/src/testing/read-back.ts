import type { JournalRecord } from '@msc/core'
import type { Json, JsonObject, Message } from '../messages.ts'
import type { WireEvent } from '../posthog-wire.ts'
import type { ReceivedMessage } from './conformance/index.ts'

/** Turns a journal record back into a message, for the suite. */
export function fromRecord({
  name,
  ts,
  userId = '',
  payload,
}: Pick<JournalRecord, 'name' | 'ts' | 'userId' | 'payload'>): ReceivedMessage {
  const { eventId, type, properties } = payload as { eventId: string; type: string; properties: JsonObject }
  const message = type === 'track' ? { kind: type, event: name, properties } : { kind: type, ...properties }
  return { id: eventId, who: userId, at: ts, message: message as Message }
}

/** Turns an event on PostHog's wire back into a message, for the suite. */
export function fromPostHogWire({
  event,
  uuid = '',
  distinctId,
  timestamp = '',
  properties,
}: WireEvent): ReceivedMessage {
  return {
    id: uuid,
    who: distinctId,
    at: Date.parse(timestamp),
    message: defined(messageOf(event, properties)) as Message,
  }
}

type Loose = Record<string, unknown>

/** Properties that the driver adds to every event. */
const COMMON = new Set(['$lib', '$is_server', '$geoip_disable', '$trace_id', '$process_person_profile', '$groups'])

function messageOf(event: string, wire: Loose): Loose {
  switch (event) {
    case '$identify':
    case '$set':
      return { kind: 'identify', set: wire['$set'], setOnce: wire['$set_once'], unset: wire['$unset'] }
    case '$create_alias':
      return { kind: 'alias', alias: wire['alias'] }
    case '$groupidentify':
      return { kind: 'group', type: wire['$group_type'], groupKey: wire['$group_key'], set: wire['$group_set'] }
    case '$pageview':
      return { kind: 'page', path: wire['$pathname'], title: wire['title'] }
    case '$feature_flag_called':
      return { kind: 'exposure', flag: wire['$feature_flag'], evaluation: evaluationOf(wire) }
    case '$ai_generation':
      return generationOf(wire)
    default: {
      const own = Object.entries(wire).filter(([name]) => !COMMON.has(name))
      return { kind: 'track', event, properties: Object.fromEntries(own) as Record<string, Json> }
    }
  }
}

function evaluationOf(wire: Loose): object {
  const version = wire['$feature_flag_version']
  return defined({
    value: wire['$feature_flag_response'],
    reason: wire['$feature_flag_reason'],
    version: version === undefined ? undefined : String(version),
  })
}

function generationOf(wire: Loose): Loose {
  return {
    kind: 'ai',
    operation: 'generation',
    model: wire['$ai_model'],
    provider: wire['$ai_provider'],
    usage: {
      input: wire['$ai_input_tokens'],
      output: wire['$ai_output_tokens'],
      total: wire['$ai_total_tokens'],
      cacheRead: wire['$ai_cache_read_input_tokens'],
      cacheWrite: wire['$ai_cache_creation_input_tokens'],
      reasoning: wire['$ai_reasoning_tokens'],
    },
    latencyMs: Number(wire['$ai_latency']) * 1000,
    failed: wire['$ai_is_error'],
    error: wire['$ai_error'],
  }
}

function defined(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
