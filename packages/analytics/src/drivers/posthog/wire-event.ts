import type {
  AiMessage,
  Envelope,
  ExposureMessage,
  Json,
  JsonObject,
  Message,
  PageContext,
  Subject,
} from '../../messages.ts'

/** An event in the format of PostHog's capture endpoint. */
export interface PostHogEvent {
  readonly event: string
  readonly uuid: string
  readonly distinct_id: string
  /** ISO 8601. */
  readonly timestamp: string
  readonly properties: Readonly<Record<string, unknown>>
}

/**
 * Translates an envelope to PostHog's event format.
 *
 * Source: https://posthog.com/docs/api/capture, https://posthog.com/docs/llm-analytics/manual-capture, and the events
 * of its SDKs, which a test compares.
 */
export function toPostHogEvent(envelope: Envelope): PostHogEvent {
  const { id, at, subject, message, page } = envelope
  return {
    event: eventName(message, subject),
    uuid: id,
    distinct_id: distinctIdOf(subject, message),
    timestamp: new Date(at).toISOString(),
    // The message's own page properties override those of the page where it was recorded.
    properties: { ...(page && pageProperties(page)), ...propertiesOf(message, envelope), ...commonOf(envelope) },
  }
}

function eventName(message: Message, { distinctId }: Subject): string {
  switch (message.kind) {
    case 'track':
      return message.event
    case 'identify':
      // Properties of an anonymous visitor must not create a person profile.
      return distinctId === undefined ? '$set' : '$identify'
    case 'alias':
      return '$create_alias'
    case 'group':
      return '$groupidentify'
    case 'page':
      return '$pageview'
    case 'exposure':
      return '$feature_flag_called'
    case 'ai':
      return '$ai_generation'
  }
}

function distinctIdOf({ distinctId, anonymousId }: Subject, message: Message): string {
  return distinctId ?? anonymousId ?? (message.kind === 'group' ? `$${message.type}_${message.groupKey}` : '')
}

function propertiesOf(message: Message, { subject, traceId }: Envelope): Readonly<Record<string, unknown>> {
  switch (message.kind) {
    case 'track':
      return message.properties
    case 'identify': {
      const { distinctId, anonymousId } = subject
      return {
        ...(message.set && { $set: message.set }),
        ...(message.setOnce && { $set_once: message.setOnce }),
        ...(message.unset && { $unset: message.unset }),
        ...(distinctId !== undefined && anonymousId !== undefined && { $anon_distinct_id: anonymousId }),
      }
    }
    case 'alias':
      return { distinct_id: subject.distinctId ?? subject.anonymousId, alias: message.alias }
    case 'group':
      return { $group_type: message.type, $group_key: message.groupKey, $group_set: message.set ?? {} }
    case 'page':
      return {
        ...message.properties,
        $pathname: message.path,
        ...(message.title !== undefined && { title: message.title }),
      }
    case 'exposure':
      return exposureProperties(message)
    case 'ai':
      return aiProperties(message, traceId)
  }
}

function exposureProperties({ flag, evaluation }: ExposureMessage): Readonly<Record<string, unknown>> {
  const { value, payload, version, evaluationId, reason } = evaluation
  return {
    $feature_flag: flag,
    $feature_flag_response: value,
    [`$feature/${flag}`]: value,
    $feature_flag_reason: reason,
    locally_evaluated: evaluationId === undefined,
    ...(payload !== undefined && { $feature_flag_payload: payload }),
    ...(version !== undefined && { $feature_flag_version: numberOr(version) }),
    ...(evaluationId !== undefined && { $feature_flag_request_id: evaluationId }),
  }
}

/** PostHog's versions are numbers. */
function numberOr(text: string): number | string {
  return /^\d{1,15}$/.test(text) ? Number(text) : text
}

function aiProperties(message: AiMessage, traceId: string | undefined): JsonObject {
  const { model, provider, usage = {}, latencyMs, failed, error } = message
  const { input, output, total, cacheRead, cacheWrite, reasoning } = usage
  return defined({
    $ai_trace_id: traceId,
    $ai_model: model,
    $ai_provider: provider,
    $ai_input_tokens: input,
    $ai_output_tokens: output,
    $ai_total_tokens: total,
    $ai_cache_read_input_tokens: cacheRead,
    $ai_cache_creation_input_tokens: cacheWrite,
    $ai_reasoning_tokens: reasoning,
    // PostHog expects latency in seconds.
    $ai_latency: latencyMs === undefined ? undefined : latencyMs / 1000,
    $ai_is_error: failed ?? error !== undefined,
    $ai_error: error,
  })
}

/** The properties of every event. An anonymous event creates no person profile, which PostHog bills separately. */
function commonOf({ subject, source, traceId, release }: Envelope): JsonObject {
  const { distinctId, sessionId, deviceId, groups } = subject
  return defined({
    $groups: groups,
    $session_id: sessionId,
    $device_id: deviceId,
    $trace_id: traceId,
    $app_version: release,
    $lib: 'msc-analytics',
    ...(source === 'server' ? { $is_server: true, $geoip_disable: true } : {}),
    ...(distinctId === undefined && { $process_person_profile: false }),
  })
}

function pageProperties({ url, referrer, title, userAgent }: PageContext): JsonObject {
  const here = url === undefined ? null : URL.parse(url)
  return defined({
    $current_url: url,
    $host: here?.host,
    $pathname: here?.pathname,
    $referrer: referrer === '' ? '$direct' : referrer,
    $referring_domain: referrer === '' ? '$direct' : referrer && URL.parse(referrer)?.host,
    $title: title,
    $raw_user_agent: userAgent,
  })
}

function defined(values: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, Json] => entry[1] !== undefined))
}
