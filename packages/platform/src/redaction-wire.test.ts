import { createMemoryJournal, withScope } from '@msc/core'
import { findLeak, secretCarriers, secretFamilies, type SecretFamily } from '@msc/core/testing/redaction'
import { createMonitoring, type MonitoringDriver } from '@msc/monitoring'
import { local } from '@msc/monitoring/local'
import { sentryBrowser } from '@msc/monitoring/drivers/sentry-browser'
import { sentry } from '@msc/monitoring/sentry'
import { describe, expect, it } from 'vitest'

// What leaves the process, byte for byte, for every family of secrets in every carrier.

/** Reports a value in every place that an application can put one. Resolves with all that was sent. */
type Sink = (value: unknown) => Promise<string>

function throughMonitoring(driverFor: (fetch: typeof globalThis.fetch) => MonitoringDriver): Sink {
  return async (value) => {
    const bodies: string[] = []
    const fetch = async (_url: unknown, init?: RequestInit): Promise<Response> => {
      bodies.push(String(init?.body))
      return new Response('{}', { headers: { 'content-type': 'application/json' } })
    }
    const monitoring = createMonitoring({ driver: driverFor(fetch as typeof globalThis.fetch), telemetry: false })
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

/** Three digits are found in any time and in most ids. */
const withoutIds = (text: string): string =>
  text.replace(/\b[\da-f]{16,}\b|\b\d{10,}(?:\.\d+)?|\d+:\d+|:\d+\.\d+Z/g, '')

const dsn = 'https://key@sentry.example/1'
const sinks: Readonly<Record<string, Sink>> = {
  'Sentry, server': throughMonitoring((fetch) => sentry({ dsn, fetch })),
  'Sentry, browser': throughMonitoring((fetch) => sentryBrowser({ dsn, fetch })),
  'the journal': throughJournal,
}

describe.each(Object.entries(sinks))('on the wire to %s', (_name, send) => {
  it.each(secretFamilies.map((family) => [family.name, family] as const))(
    'no %s is to be read',
    async (_family, family: SecretFamily) => {
      const secret = family.generate(17)
      const leaks: string[] = []
      for (const carrier of secretCarriers) {
        const carried = carrier.carry(family, secret)
        if ('impossible' in carried) continue
        const sent = await send(carried.value)
        expect(sent).toContain('before')
        const leak = findLeak(secret.length < 8 ? withoutIds(sent) : sent, family, secret)
        if (leak !== undefined) leaks.push(`${carrier.name}: ${leak}`)
      }
      expect(leaks).toEqual([])
    },
  )
})
