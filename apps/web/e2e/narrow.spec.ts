import type { Page } from '@playwright/test'
import { expect, signIn, test } from './support/fixtures.ts'

/** Returns the elements that reach beyond the edge of the screen, and the labels that are broken into lines. */
function broken(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth
    const all = [...document.querySelectorAll('header, header *, main *')]
    const over = all.filter((each) => {
      const { left, right, width: own } = each.getBoundingClientRect()
      return own > 0 && (right > width + 1 || left < -1) && !each.parentElement?.closest('.truncate, .sr-only')
    })
    const tall = [...document.querySelectorAll('.button, .button-quiet, .pill, nav a')].filter(
      (each) => each.getBoundingClientRect().height > 48,
    )
    return [...over, ...tall].map((each) => each.outerHTML.slice(0, 120))
  })
}

test('on a phone every page fits, whatever people write', async ({ browser, started: { app } }) => {
  test.setTimeout(120_000)
  const release = { genre: 'Indie pop', releaseDate: '2026-12-24' }
  const written = [
    { ...release, title: 'W'.repeat(200), artistName: 'M'.repeat(200), lyrics: `${'lull'.repeat(750)} sun sun` },
    { ...release, title: 'أغنية الليل (Live)', artistName: 'فيروز 1', lyrics: 'مرحبا\nhello (again)' },
  ]
  const ids: string[] = []
  for (const role of ['artist', 'admin'] as const) {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } })
    const page = await context.newPage()
    await signIn(page, app, role)
    for (const data of role === 'artist' ? written : []) {
      const made = await page.request.post(`${app.url}/api/releases`, { data })
      ids.push(((await made.json()) as { release: { id: string } }).release.id)
      const email = `${'long'.repeat(14)}${ids.length}@${'sub.'.repeat(40)}example`
      await page.request.post(`${app.url}/api/auth/sign-in`, { data: { email, password: 'wrong' } })
    }
    await page.goto(`${app.url}/releases/${ids[0]}`)
    await expect(page.getByTestId('analysis')).toBeVisible()
    const own = role === 'artist' ? ['/releases/new', '/subscription'] : ['/admin/accounts', '/admin/sign-ins']
    const shared = ['/', '/releases', `/releases?q=${'z'.repeat(100)}`, '/account', '/nothing-here']
    for (const width of [390, 320]) {
      await page.setViewportSize({ width, height: 844 })
      for (const path of [...shared, ...own, ...ids.map((id) => `/releases/${id}`), '/admin/systems']) {
        await page.goto(app.url + path)
        expect(await broken(page), `${role} at ${width}: ${path}`).toEqual([])
      }
    }
    if (role === 'admin') {
      await page.goto(`${app.url}/admin/sign-ins`)
      await expect(page.getByText('from 127.0.0.1').first()).toBeInViewport()
    }
    await context.close()
  }
})
