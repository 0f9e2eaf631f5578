import { onLeaving } from '@msc/core/delivery'
import { createMonitoring, type Monitoring } from './create-monitoring.ts'
import type { MonitoringDriver } from './driver.ts'
import type { BrowserMonitoringConfig } from './browser.ts'

/** Milliseconds for the last delivery of a page that is being left. */
const LEAVING_MS = 1000

/** Starts the part of the browser entry point that loads late: the same engine as on a server, with a browser's driver. */
export async function startEngine(config: BrowserMonitoringConfig): Promise<Monitoring> {
  const monitoring = createMonitoring({
    driver: await driverFor(config),
    release: config.release,
    environment: config.environment,
    telemetry: false,
  })
  onLeaving(() => monitoring.leave(LEAVING_MS))
  return monitoring
}

async function driverFor(config: BrowserMonitoringConfig): Promise<MonitoringDriver> {
  if (config.load) return config.load()
  if (config.dsn) return (await import('./drivers/sentry-browser.ts')).sentryBrowser({ dsn: config.dsn })
  const { browserLocal } = await import('./drivers/browser-local.ts')
  return browserLocal({ ingestUrl: config.ingestUrl ?? '/api/msc/browser' })
}
