import { peerMissing } from '@msc/core'
import type { PostHog, PostHogConfig } from 'posthog-js'
import type { SessionRecorder } from '../../driver.ts'
import type { Subject } from '../../messages.ts'
import { withoutQueries, withoutQuery } from '../../recording/without-query.ts'
import { readAddress, type PostHogOptions } from './address.ts'

export interface PostHogRecorderOptions extends PostHogOptions {
  /** Returns the SDK with its recorder, if you load it yourself. */
  readonly sdk?: () => Promise<RecordingSdk>
}

interface RecordingSdk {
  readonly posthog: Pick<PostHog, 'init'>
}

/**
 * Records what a visitor sees with `posthog-js` (an optional peer, 200 KiB, loaded with the first recording). The SDK
 * does nothing else: no events, no flags, nothing stored on the device. Text and inputs are masked, and addresses have
 * no query. Session replay must be on in the project's settings.
 */
export function posthogRecorder(options: PostHogRecorderOptions): SessionRecorder {
  let client: PostHog | undefined
  const identify = ({ distinctId, anonymousId }: Subject): void => {
    // Names the person of the following snapshots. It captures nothing, since we send events ourselves.
    client?.register({ distinct_id: distinctId ?? anonymousId })
  }
  /** The last request: a `stop` may come while the code is still loading. */
  let wanted = false
  return {
    async start(subject) {
      wanted = true
      const { posthog } = await (options.sdk ?? loadSdk)()
      if (!wanted) return
      if (client) identify(subject)
      else client = posthog.init(options.key, configOf(options, subject), 'msc-recorder')
      client?.startSessionRecording(true)
    },
    stop() {
      wanted = false
      client?.stopSessionRecording()
    },
    identify,
  }
}

/** The only events that may leave posthog-js: those that a recording is made of. */
const RECORDED = new Set(['$snapshot', '$snapshot_items'])

function configOf(options: PostHogRecorderOptions, subject: Subject): Partial<PostHogConfig> {
  const { endpoint } = readAddress(options, typeof location === 'undefined' ? undefined : location.href)
  const { distinctId, anonymousId, sessionId } = subject
  return {
    api_host: endpoint,
    autocapture: false,
    capture_pageview: false,
    capture_pageleave: false,
    capture_dead_clicks: false,
    capture_heatmaps: false,
    capture_performance: false,
    capture_exceptions: false,
    rageclick: false,
    disable_surveys: true,
    disable_external_dependency_loading: true,
    advanced_disable_feature_flags: true,
    // Record also in browsers that a test drives, which posthog-js takes for bots.
    opt_out_useragent_filter: true,
    persistence: 'memory',
    person_profiles: 'identified_only',
    disable_session_recording: true,
    bootstrap: {
      distinctID: (distinctId ?? anonymousId) as string,
      isIdentifiedID: distinctId !== undefined,
      ...(sessionId !== undefined && { sessionID: sessionId }),
    },
    session_recording: {
      maskAllInputs: true,
      maskTextSelector: '*',
      // The filter below can't read a compressed event; the request is compressed in any case.
      compress_events: false,
      maskCapturedNetworkRequestFn: (request) => ({ ...request, name: withoutQuery(request.name ?? '') }),
    },
    before_send: (event) => (event && RECORDED.has(event.event) ? withoutQueries(event) : null),
  }
}

async function loadSdk(): Promise<RecordingSdk> {
  const [sdk] = await Promise.all([loadMain(), loadRecorder()])
  return sdk
}

// Bundlers tolerate a missing module only if the import is inside `try` and awaited in the same function.
async function loadMain(): Promise<RecordingSdk> {
  try {
    return await import('posthog-js')
  } catch (cause) {
    throw peerMissing('analytics', 'posthog-js', cause)
  }
}

/** Registers the recorder with the page; posthog-js would otherwise fetch it from PostHog. */
async function loadRecorder(): Promise<unknown> {
  try {
    return await import('posthog-js/dist/posthog-recorder.js')
  } catch (cause) {
    throw peerMissing('analytics', 'posthog-js', cause)
  }
}
