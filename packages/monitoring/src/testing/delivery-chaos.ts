import { withScope } from '@msc/core'
import { runEngineChaos, type ChaosEngine, type ChaosSetUp, type EngineChaosReport } from '@msc/core/testing/delivery'
import { createMonitoring } from '../create-monitoring.ts'
import type { MonitoringDriver } from '../driver.ts'
import { browserLocal } from '../drivers/browser-local.ts'
import { sentryBrowser } from '../drivers/sentry-browser.ts'
import { sentry } from '../drivers/sentry.ts'

const dsn = 'https://key@sentry.example/1'

const ENGINES: Readonly<Record<string, (setUp: ChaosSetUp) => ChaosEngine>> = {
  sentry: behind(({ backend: { fetch }, clock }) => sentry({ dsn, fetch, clock })),
  'sentry-browser': behind(({ backend: { fetch }, clock }) => sentryBrowser({ dsn, fetch, clock })),
  'browser-local': behind(({ backend: { fetch }, clock }) =>
    browserLocal({ ingestUrl: '/api/msc/browser', fetch, clock }),
  ),
}

function behind(driverFor: (setUp: ChaosSetUp) => MonitoringDriver): (setUp: ChaosSetUp) => ChaosEngine {
  return (setUp) => {
    const { clock, random, onDrop } = setUp
    const monitoring = createMonitoring({
      driver: driverFor(setUp),
      clock,
      random,
      maxQueue: 60,
      telemetry: false,
      onDrop,
      onError: () => undefined,
    })
    return { ...monitoring, record: (text) => void withScope(() => monitoring.captureMessage(text)) }
  }
}

/** Runs `scripts` random scripts for each driver with a backend: see `runEngineChaos`. */
export function runMonitoringChaos(options: {
  readonly scripts: number
  readonly seed: number
}): Promise<EngineChaosReport> {
  return runEngineChaos({ engines: ENGINES, ...options })
}
