import { isRecord } from '@msc/core'
import { parseJson } from '@msc/core/http-request'
import { gunzipSync } from 'node:zlib'

/** An event as PostHog's SDKs send it. */
export interface WireEvent {
  readonly event: string
  readonly distinctId: string
  readonly uuid?: string
  readonly timestamp?: string
  readonly properties: Record<string, unknown>
}

export interface WireBatch {
  readonly apiKey: string | undefined
  readonly events: readonly WireEvent[]
}

/** The most bytes of a decompressed body that are read: a small gzip can hold a very long text. */
const MAX_BYTES = 20 * 1024 * 1024

/**
 * Decodes any body of PostHog's SDKs: JSON, gzip without a content encoding, or base64, which may be in a form field.
 *
 * @throws Error when it is none of these.
 */
export function decodePostHogJson(body: Uint8Array, query: URLSearchParams = new URLSearchParams()): unknown {
  const gzipped = body[0] === 0x1f && body[1] === 0x8b
  return parseJson(postHogText(gzipped ? gunzipSync(body, { maxOutputLength: MAX_BYTES }) : body, query))
}

/** Returns the JSON of a body that is not compressed, or not any more. */
export function postHogText(body: Uint8Array, query: URLSearchParams): string {
  const text = new TextDecoder().decode(body)
  if (query.get('compression') !== 'base64' && !text.startsWith('data=')) return text
  return Buffer.from(formData(text) ?? text, 'base64').toString('utf8')
}

/** Returns the field `data` of a form. Only that is decoded: a form of a megabyte may have half a million fields. */
function formData(text: string): string | undefined {
  const [, value] = /(?:^|&)data=([^&]*)/.exec(text) ?? []
  return value === undefined ? undefined : (new URLSearchParams(`data=${value}`).get('data') ?? undefined)
}

/**
 * Returns the events in a body of `/batch/`, `/e/`, `/i/v0/e/` or `/s/`.
 *
 * @throws Error when it can't be read.
 */
export function decodePostHogBody(body: Uint8Array, query?: URLSearchParams): WireBatch {
  return readPostHogBatch(decodePostHogJson(body, query))
}

/** Returns the events of what {@link postHogText} says. */
export function readPostHogBatch(parsed: unknown): WireBatch {
  const envelope = isRecord(parsed) ? parsed : {}
  const list = Array.isArray(parsed) ? parsed : Array.isArray(envelope['batch']) ? envelope['batch'] : [parsed]
  const events = list
    .filter(isRecord)
    .filter((each) => typeof each['event'] === 'string')
    .map(toEvent)
  const token =
    envelope['api_key'] ?? envelope['token'] ?? (list[0] as Record<string, unknown> | undefined)?.['api_key']
  return { apiKey: typeof token === 'string' ? token : tokenOf(events[0]), events }
}

function toEvent(each: Record<string, unknown>): WireEvent {
  const properties = isRecord(each['properties']) ? each['properties'] : {}
  return {
    event: String(each['event']),
    distinctId: String(each['distinct_id'] ?? properties['distinct_id'] ?? ''),
    properties,
    ...(typeof each['uuid'] === 'string' && { uuid: each['uuid'] }),
    ...(typeof each['timestamp'] === 'string' && { timestamp: each['timestamp'] }),
  }
}

function tokenOf(event: WireEvent | undefined): string | undefined {
  const token = event?.properties['token']
  return typeof token === 'string' ? token : undefined
}
