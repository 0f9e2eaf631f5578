import { gunzipSync } from 'node:zlib'
import { createMemoryJournal, withScope } from '@msc/core'
import { findLeak, secretCarriers, secretFamilies, type SecretFamily } from '@msc/core/testing/redaction'
import { createAnalytics, type AnalyticsDriver } from '@msc/analytics'
import { posthogBrowser } from '@msc/analytics/drivers/posthog-browser'
import { local as localAnalytics } from '@msc/analytics/local'
import { posthog } from '@msc/analytics/posthog'
import { createMonitoring, type MonitoringDriver } from '@msc/monitoring'
import { local } from '@msc/monitoring/local'
import { sentryBrowser } from '@msc/monitoring/drivers/sentry-browser'
import { sentry } from '@msc/monitoring/sentry'
import { describe, expect, it } from 'vitest'

// These tests read every byte that leaves the process, for every family of secrets in every carrier.

/** Reports a value in every place where an application can put one. Resolves with everything that was sent. */
type Sink = (value: unknown) => Promise<string>

/** A backend that accepts everything, and answers like Sentry and PostHog. */
function wire(): { fetch: typeof globalThis.fetch; bodies: string[] } {
  const bodies: string[] = []
  const take = async (url: unknown, init?: RequestInit): Promise<Response> => {
    const { body } = init ?? {}
    bodies.push(typeof body === 'string' ? body : gunzipSync(body as ArrayBuffer).toString('utf8'))
    const said = String(url).includes('/envelope/') ? '{}' : '{"status":"Ok"}'
    return new Response(said, { headers: { 'content-type': 'application/json' } })
  }
  return { fetch: take as typeof globalThis.fetch, bodies }
}

function throughAnalytics(driverFor: (fetch: typeof globalThis.fetch) => AnalyticsDriver): Sink {
  return async (value) => {
    const { fetch, bodies } = wire()
    const analytics = createAnalytics({ driver: driverFor(fetch) })
    await analytics.track('ana', 'before', { carried: value })
    await analytics.identify('ana', { carried: value })
    if (typeof (value as { text?: unknown } | null)?.text === 'string') {
      const { text } = value as { text: string }
      await analytics.track('ana', 'said', { text, [text.slice(0, 200)]: true })
    }
    await analytics.close()
    return bodies.join('\n')
  }
}

function throughMonitoring(driverFor: (fetch: typeof globalThis.fetch) => MonitoringDriver): Sink {
  return async (value) => {
    const { fetch, bodies } = wire()
    const monitoring = createMonitoring({ driver: driverFor(fetch), telemetry: false })
    withScope(() => {
      monitoring.addBreadcrumb('before', 'step', { carried: value })
      monitoring.setUser({ id: 'ana', carried: value })
      monitoring.captureException(value instanceof Error ? value : new Error('failed'), { extra: { carried: value } })
      if (typeof (value as { text?: unknown } | null)?.text === 'string') {
        const { text } = value as { text: string }
        monitoring.addBreadcrumb(text, 'step')
        monitoring.captureMessage(text, 'info', { tags: { text }, fingerprint: text })
        monitoring.captureException(new Error(text))
      }
    })
    await monitoring.close()
    return bodies.join('\n')
  }
}

const throughJournal: Sink = async (value) => {
  const journal = createMemoryJournal()
  await throughMonitoring(() => local({ journal }))(value)
  return journal
    .query({ limit: 100 })
    .map((record) => JSON.stringify(record))
    .join('\n')
}

/**
 * Three digits occur in any time and in most ids: UUIDs, long hexadecimal, ISO 8601, milliseconds, positions in files.
 */
const IDS_AND_TIMES =
  /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|\b[\da-f]{16,}\b|\d{4}-\d\d-\d\dT[\d:.]+Z?|\b\d{10,}(?:\.\d+)?|:\d+:\d+|"(?:lineno|colno|line|column)":\d+/g
const withoutIds = (text: string): string => text.replace(IDS_AND_TIMES, '')

const throughJournalOfAnalytics: Sink = async (value) => {
  const journal = createMemoryJournal()
  await throughAnalytics(() => localAnalytics({ journal }))(value)
  return journal
    .query({ limit: 100 })
    .map((record) => JSON.stringify(record))
    .join('\n')
}

const project = { key: 'phc_test', host: 'https://posthog.example' }
const dsn = 'https://key@sentry.example/1'
const sinks: Readonly<Record<string, Sink>> = {
  'Sentry, server': throughMonitoring((fetch) => sentry({ dsn, fetch })),
  'Sentry, browser': throughMonitoring((fetch) => sentryBrowser({ dsn, fetch })),
  'the journal': throughJournal,
  'the journal, of analytics': throughJournalOfAnalytics,
  'PostHog, server': throughAnalytics((fetch) => posthog({ ...project, fetch })),
  'PostHog, browser': throughAnalytics((fetch) => posthogBrowser({ ...project, fetch })),
}

/** Each pair of a secret and a carrier goes to two of the six sinks; with `MSC_REDACTION_STRIDE=1` to all of them. */
const STRIDE = Number(process.env['MSC_REDACTION_STRIDE'] ?? 3)

describe.each(Object.entries(sinks).map(([name, send], index) => [name, send, index] as const))(
  'on the wire to %s',
  (_name, send, sinkIndex) => {
    it.each(secretFamilies.map((family, index) => [family.name, family, index] as const))(
      'contains no %s',
      async (_family, family: SecretFamily, familyIndex) => {
        const secret = family.generate(17)
        const leaks: string[] = []
        let sentOnce = false
        for (const [carrierIndex, carrier] of secretCarriers.entries()) {
          if ((sinkIndex + familyIndex + carrierIndex) % STRIDE !== 0) continue
          const carried = carrier.carry(family, secret)
          if ('impossible' in carried) continue
          const sent = await send(carried.value)
          sentOnce = true
          expect(sent).toContain('before')
          const leak = findLeak(secret.length < 8 ? withoutIds(sent) : sent, family, secret)
          if (leak !== undefined) leaks.push(`${carrier.name}: ${leak}`)
        }
        expect(sentOnce).toBe(true)
        expect(leaks).toEqual([])
      },
    )
  },
)
