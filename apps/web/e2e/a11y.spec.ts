import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import type { Page } from '@playwright/test'
import { expect, signIn, test } from './support/fixtures.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Returns what axe finds on the page, as `rule: where`. */
async function violations(page: Page): Promise<string[]> {
  // Evaluated by the debugger, which the page's policy does not bind.
  await page.evaluate(axe)
  // A colour that is on its way to another one has no contrast yet.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)))
  return page.evaluate(async () => {
    interface Found {
      readonly violations: readonly { id: string; nodes: readonly { target: readonly string[] }[] }[]
    }
    const { axe: tool } = globalThis as unknown as { axe: { run(): Promise<Found> } }
    const found = await tool.run()
    return found.violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`))
  })
}

const pages = {
  visitor: ['/', '/sign-in', '/nothing-here'],
  artist: ['/', '/releases', '/releases?q=nothing', '/releases/new', '/subscription', '/account'],
  admin: [
    '/',
    '/releases',
    '/admin/accounts',
    '/admin/sign-ins',
    '/admin/systems',
    '/boom',
    ...['errors', 'events', 'runs', 'traces', 'losses', 'realtime', 'systems'].map((section) => `/devtools/${section}`),
  ],
} as const

for (const [who, paths] of Object.entries(pages)) {
  test(`axe finds nothing on the pages of ${who === 'visitor' ? 'a visitor' : `an ${who}`}, light and dark`, async ({
    page,
    started,
  }) => {
    test.setTimeout(180_000)
    const { app } = started
    if (who !== 'visitor') await signIn(page, app, who as 'artist' | 'admin')
    for (const path of paths) {
      await page.goto(app.url + path)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        expect(await violations(page), `${path}, ${colorScheme}`).toEqual([])
      }
    }
  })
}

test('axe finds nothing on a release, an error, a run and a trace', async ({ page, context, started }) => {
  test.setTimeout(120_000)
  const { app } = started
  await signIn(page, app, 'admin')
  await page.goto(`${app.url}/releases`)
  const release = await page.getByRole('main').getByRole('listitem').getByRole('link').first().getAttribute('href')
  await page.goto(`${app.url}/boom`)
  const first = async (path: string): Promise<string | null> => {
    await page.goto(app.url + path)
    return page.locator('main table a').first().getAttribute('href')
  }
  const paths = [release]
  for (const path of ['/devtools/runs', '/devtools/traces']) paths.push(await first(path))
  for (const path of paths) {
    await page.goto(app.url + (path as string))
    expect(await violations(page), path as string).toEqual([])
  }
  await context.close()
})
