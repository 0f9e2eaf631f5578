import { expect, signIn, test } from './support/fixtures.ts'

const release = {
  title: 'Figures',
  artistName: 'Ines Valder',
  genre: 'Jazz',
  releaseDate: '2027-02-05',
  lyrics: '',
}

test('the data that Next.js caches is in the app’s cache, and updates at once with a new release', async ({
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
  expect((await page.request.post(`${app.url}/api/releases`, { data: release })).status()).toBe(201)
  expect(await releases()).toBe(before + 1)
  await visitor.context().close()

  const admin = await browser.newContext()
  const adminPage = await admin.newPage()
  await signIn(adminPage, app, 'admin')
  await adminPage.goto(`${app.url}/admin/systems`)
  const card = adminPage.getByTestId('system-cache')
  await expect(card).toContainText(/hit rate\s*[1-9][\d.]* %/)
  await expect(card).toContainText('saved loads')
  await admin.close()
})
