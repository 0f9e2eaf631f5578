import type { PostHog, PostHogConfig } from 'posthog-js'
import { describe, expect, it } from 'vitest'
import { posthogRecorder } from './recorder.ts'

function fakeSdk() {
  const calls: unknown[] = []
  const configs: Partial<PostHogConfig>[] = []
  const client = {
    startSessionRecording: () => void calls.push('start'),
    stopSessionRecording: () => void calls.push('stop'),
    register: (properties: object) => void calls.push(properties),
  }
  const posthog = {
    init: (_key: string, config: Partial<PostHogConfig>) => {
      configs.push(config)
      return client as unknown as PostHog
    },
  } as Pick<PostHog, 'init'>
  return { calls, configs, sdk: async () => ({ posthog }) }
}

describe('the recorder', () => {
  it('makes one client, with the person and session of the events, which stores and requests nothing else', async () => {
    const { calls, configs, sdk } = fakeSdk()
    const recorder = posthogRecorder({ key: 'phc_x', host: 'https://app.example/ingest/', sdk })
    await recorder.start({ anonymousId: 'v', sessionId: 's' })
    recorder.identify({ distinctId: 'ana' })
    recorder.stop()
    await recorder.start({ distinctId: 'ana', sessionId: 's' })
    expect(calls).toEqual(['start', { distinct_id: 'ana' }, 'stop', { distinct_id: 'ana' }, 'start'])
    expect(configs).toHaveLength(1)
    expect(configs[0]).toMatchObject({
      api_host: 'https://app.example/ingest',
      bootstrap: { distinctID: 'v', isIdentifiedID: false, sessionID: 's' },
      persistence: 'memory',
      autocapture: false,
      advanced_disable_feature_flags: true,
      disable_external_dependency_loading: true,
      session_recording: { maskAllInputs: true, maskTextSelector: '*' },
    })
  })

  it('does not start when it was stopped while its code was loading', async () => {
    const { calls, sdk } = fakeSdk()
    const recorder = posthogRecorder({ key: 'phc_x', sdk })
    const starting = recorder.start({ distinctId: 'ana' })
    recorder.stop()
    await starting
    expect(calls).toEqual([])
  })

  it('sends only recordings, and no query of an address in them', async () => {
    const { configs, sdk } = fakeSdk()
    await posthogRecorder({ key: 'phc_x', sdk }).start({ distinctId: 'ana' })
    const { before_send: filter, session_recording: recording } = configs[0] as {
      before_send: (event: unknown) => unknown
      session_recording: NonNullable<PostHogConfig['session_recording']>
    }
    expect(filter({ event: '$pageleave', properties: {} })).toBeNull()
    expect(
      filter({
        event: '$snapshot',
        properties: { $current_url: '/a?b', $snapshot_data: [{ data: { href: '/c?d' } }] },
      }),
    ).toEqual({ event: '$snapshot', properties: { $current_url: '/a', $snapshot_data: [{ data: { href: '/c' } }] } })
    expect(recording.maskCapturedNetworkRequestFn?.({ name: 'https://a.example/b?token=1' } as never)).toMatchObject({
      name: 'https://a.example/b',
    })
  })

  it('rejects when its code can not be loaded', async () => {
    const sdk = () => Promise.reject(new Error('no'))
    await expect(posthogRecorder({ key: 'phc_x', sdk }).start({ distinctId: 'ana' })).rejects.toThrow('no')
  })
})
