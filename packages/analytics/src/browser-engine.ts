import type { BrowserAnalyticsConfig, BrowserParts } from './browser/config.ts'
import { createBrowserEngine, type BrowserEngine } from './browser/engine.ts'

/** Loads the backend that the page has chosen, and no other. */
export async function startEngine(config: BrowserAnalyticsConfig): Promise<BrowserEngine> {
  return createBrowserEngine(await partsFor(config), config)
}

async function partsFor(config: BrowserAnalyticsConfig): Promise<BrowserParts> {
  if (config.load) return config.load()
  const { key, host } = config
  if (key) {
    const { posthogBrowser, posthogBrowserFlags, posthogRecorder } = await import('./drivers/posthog-browser.ts')
    const options = { key, ...(host && { host }) }
    return {
      driver: posthogBrowser(options),
      flags: posthogBrowserFlags(options),
      recorder: posthogRecorder(options),
    }
  }
  const { browserLocal } = await import('./drivers/browser-local.ts')
  return { driver: browserLocal({ ingestUrl: config.ingestUrl ?? '/api/msc/browser' }) }
}
