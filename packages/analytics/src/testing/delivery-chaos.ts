import { createMemoryJournal, type Journal } from '@msc/core'
import {
  runEngineChaos,
  type ChaosBackend,
  type ChaosEngine,
  type ChaosSetUp,
  type EngineChaosReport,
} from '@msc/core/testing/delivery'
import type { AnalyticsOptions } from '../analytics.ts'
import { createAnalytics } from '../create-analytics.ts'
import type { AnalyticsDriver } from '../driver.ts'
import { browserLocal } from '../drivers/browser-local.ts'
import { local } from '../drivers/local.ts'
import { posthogBrowser } from '../drivers/posthog-browser.ts'
import { posthog } from '../drivers/posthog.ts'

const options = { key: 'phc_chaos', host: 'https://posthog.example' }

const ENGINES: Readonly<Record<string, (setUp: ChaosSetUp) => ChaosEngine>> = {
  // The runtime compresses larger bodies in turns of the event loop that virtual time does not wait for.
  posthog: behind(({ backend: { fetch } }) => posthog({ ...options, fetch }), { batchSize: 3 }),
  'posthog-browser': behind(({ backend: { fetch } }) => posthogBrowser({ ...options, fetch })),
  'browser-local': behind(({ backend: { fetch }, clock }) =>
    browserLocal({ ingestUrl: '/api/msc/browser', fetch, clock }),
  ),
  local: behind(({ backend }) => local({ journal: journalOf(backend) })),
}

/** A journal whose disk is full at times. */
function journalOf(backend: ChaosBackend): Journal {
  const journal = createMemoryJournal()
  return {
    ...journal,
    append(entry) {
      backend.write(entry.name)
      return journal.append(entry)
    },
  }
}

function behind(
  driverFor: (setUp: ChaosSetUp) => AnalyticsDriver,
  more: Partial<AnalyticsOptions> = {},
): (setUp: ChaosSetUp) => ChaosEngine {
  return (setUp) => {
    const { clock, random, onDrop } = setUp
    const analytics = createAnalytics({
      driver: driverFor(setUp),
      clock,
      random,
      maxQueue: 60,
      onDrop,
      onError: () => undefined,
      ...more,
    })
    return { ...analytics, record: (text) => void analytics.track('ana', text) }
  }
}

/** Runs `scripts` random scripts for each driver; see `runEngineChaos`. */
export function runAnalyticsChaos(run: {
  readonly scripts: number
  readonly seed: number
}): Promise<EngineChaosReport> {
  return runEngineChaos({ engines: ENGINES, withoutPoison: ['local'], ...run })
}
