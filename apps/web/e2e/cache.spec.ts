import type { APIRequestContext } from '@playwright/test'
import { expect, signIn, test } from './support/fixtures.ts'

const release = {
  title: 'Figures',
  artistName: 'Ines Valder',
  genre: 'Jazz',
  releaseDate: '2027-02-05',
  lyrics: '',
}

test('the data that Next.js caches is in the app’s cache, and updates at once when one is published', async ({
  page,
  browser,
  started,
}) => {
  const { app } = started
  const visitor = await (await browser.newContext()).newPage()
  const releases = async (): Promise<number> => {
    await visitor.goto(app.url)
    return Number((await visitor.getByTestId('catalogue').innerText()).match(/^([\d,]+) releases? by/)?.[1])
  }
  const before = await releases()
  expect(before).toBeGreaterThan(0)
  expect(await releases()).toBe(before)

  await signIn(page, app, 'artist')
  const created = await page.request.post(`${app.url}/api/releases`, { data: release })
  expect(created.status()).toBe(201)
  const { id } = ((await created.json()) as { release: { id: string } }).release
  const move = (by: APIRequestContext, to: string, version?: number) =>
    by.post(`${app.url}/api/releases/${id}/status`, { data: { to, ...(version && { version }) } })
  expect((await move(page.request, 'live')).status()).toBe(409)
  expect((await move(page.request, 'submitted')).status()).toBe(200)
  expect((await move(page.request, 'live')).status()).toBe(403)
  // What is not published is not counted in public.
  expect(await releases()).toBe(before)

  const admin = await browser.newContext()
  const adminPage = await admin.newPage()
  await signIn(adminPage, app, 'admin')
  // Publishing has to name the version that was read.
  expect((await move(adminPage.request, 'live')).status()).toBe(409)
  expect((await move(adminPage.request, 'live', 1)).status()).toBe(200)
  expect(await releases()).toBe(before + 1)
  await visitor.context().close()
  await adminPage.goto(`${app.url}/admin/systems`)
  const card = adminPage.getByTestId('system-cache')
  await expect(card).toContainText(/hit rate\s*[1-9][\d.]* %/)
  await expect(card).toContainText('saved loads')
  await admin.close()
})
