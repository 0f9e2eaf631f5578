import type { BrowserAnalyticsDriver } from '../browser-driver.ts'

export interface PostHogBrowserOptions {
  readonly key: string
  readonly host?: string
}

/**
 * PostHog through `posthog-js` (an optional peer). Nothing is captured that was not asked for: no autocapture, no
 * script from another origin; a recording starts only by `startRecording`, with inputs and text masked.
 */
export async function posthogBrowser(options: PostHogBrowserOptions): Promise<BrowserAnalyticsDriver> {
  const { posthog } = await import('posthog-js')
  posthog.init(options.key, {
    api_host: options.host ?? 'https://us.i.posthog.com',
    autocapture: false,
    capture_pageview: false,
    capture_pageleave: false,
    capture_dead_clicks: false,
    capture_heatmaps: false,
    capture_performance: false,
    rageclick: false,
    disable_external_dependency_loading: true,
    disable_session_recording: true,
    disable_surveys: true,
    person_profiles: 'identified_only',
    session_recording: { maskAllInputs: true, maskTextSelector: '*' },
  })
  return {
    name: 'posthog',
    track: (event, properties, at) => void posthog.capture(event, properties, { timestamp: new Date(at) }),
    identify: (distinctId, properties) => posthog.identify(distinctId, properties),
    setProperties: (properties) => posthog.setPersonProperties(properties),
    reset: () => posthog.reset(),
    getFlag: (flag) => posthog.getFeatureFlag(flag, { send_event: true }),
    startRecording() {
      posthog.startSessionRecording()
      return posthog.sessionRecordingStarted()
    },
    stopRecording() {
      posthog.stopSessionRecording()
      return true
    },
  }
}
