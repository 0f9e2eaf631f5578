import { freePort } from '@msc/core/testing'
import { startPostgres } from '@msc/core/testing/postgres'
import { createDatabase } from '@msc/platform'
import { postgres } from '@msc/platform/database/postgres'
import { test as base, expect, type BrowserContext, type Page } from '@playwright/test'
import { seed, seededUsers } from '../../lib/db/seed.ts'
import { startApp, type RunningApp } from './app.ts'
import { embeddedBackend, vendorBackend, type Backend } from './backend.ts'
import { startVendors } from './vendors.ts'

export interface AppOptions {
  readonly backend: 'embedded' | 'vendor'
}

interface Started {
  readonly app: RunningApp
  readonly backend: Backend
}

/** One app for all tests of a project, with the drivers that the project names. */
export const test = base.extend<{ policy: void }, { backend: AppOptions['backend']; started: Started }>({
  backend: ['embedded', { option: true, scope: 'worker' }],
  started: [
    async ({ backend }, use) => {
      const port = await freePort()
      if (backend === 'embedded') {
        const cronSecret = 'e2e-cron-secret-of-some-length'
        const env = { MSC_PROFILE: 'local', MSC_ALLOW_EMBEDDED: '1', CRON_SECRET: cronSecret }
        const app = await startApp(port, env)
        await use({ app, backend: embeddedBackend(app, cronSecret) })
        return app.stop()
      }
      const vendors = await startVendors()
      const server = await startPostgres()
      // By its name, since a browser sends secure cookies over HTTP to localhost alone.
      const app = await startApp(port, { ...vendors.env, DATABASE_URL: server.url }, 'localhost')
      const database = createDatabase({ driver: postgres({ url: server.url }) })
      await seed(database)
      await database.close()
      await vendors.inngest.sync(`${app.url}/api/inngest`)
      await use({ app, backend: vendorBackend(app, vendors) })
      await app.stop()
      await vendors.close()
      await server.close()
    },
    { scope: 'worker', timeout: 90_000 },
  ],
  // In every test: nothing that a page does is against its own policy.
  policy: [
    async ({ context }, use) => {
      const violations: string[] = []
      context.on('console', (message) => {
        if (/content security policy/i.test(message.text())) violations.push(message.text())
      })
      await use()
      expect(violations).toEqual([])
    },
    { auto: true },
  ],
})

type Role = (typeof seededUsers)[number]['role']

/** Signs in through the form. */
export async function signIn(page: Page, app: RunningApp, role: Role): Promise<void> {
  const { email, password, name } = seededUsers.find((user) => user.role === role) as (typeof seededUsers)[number]
  await page.goto(`${app.url}/sign-in`)
  await page.getByLabel('Email').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByRole('heading', { name: `Hello, ${name.split(' ')[0]}` })).toBeVisible()
}

/** Returns the console's data as an admin sees it. */
export async function devtools<T>(admin: BrowserContext, app: RunningApp, path: string): Promise<T> {
  const response = await admin.request.get(`${app.url}/devtools/${path}?format=json`)
  expect(response.status()).toBe(200)
  return (await response.json()) as T
}

export { expect }
