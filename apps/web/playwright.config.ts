import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { defineConfig } from '@playwright/test'
import type { AppOptions } from './e2e/support/fixtures.ts'

/** The system's Chromium, so that nothing has to be downloaded. */
const executablePath = (process.env['PATH'] ?? '')
  .split(delimiter)
  .flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name)))
  .find((path) => existsSync(path))

export default defineConfig<object, AppOptions>({
  testDir: 'e2e',
  outputDir: '../../.cache/e2e',
  fullyParallel: false,
  workers: 2,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: process.env['PLAYWRIGHT_JSON_OUTPUT_NAME'] ? [['line'], ['json']] : [['list']],
  use: {
    locale: 'en-GB',
    timezoneId: 'UTC',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    // A trace of every test costs a quarter of its time: `--trace on` records one when it is wanted.
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: {
      ...(executablePath && { executablePath }),
      // Chromium's sandbox does not start as root, which containers run as. The second flag hides automation, like the
      // user agent below: PostHog drops events of clients that look like bots.
      args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-blink-features=AutomationControlled'],
    },
  },
  projects: [
    { name: 'embedded', testIgnore: 'packages/**', use: { backend: 'embedded' } },
    // The same tests against the vendors' drivers; only environment variables differ.
    {
      name: 'vendor',
      testIgnore: ['packages/**', 'security.spec.ts', 'production.spec.ts', 'a11y.spec.ts', 'console-realtime.spec.ts'],
      use: { backend: 'vendor' },
    },
    // Tests of packages in a browser, without the app.
    { name: 'packages', testMatch: 'packages/**/*.spec.ts' },
  ],
})
