import { seededUsers } from '../lib/db/seed.ts'
import { expect, signIn, test } from './support/fixtures.ts'

const artist = seededUsers[0]

test.describe('without scripts', () => {
  test.use({ javaScriptEnabled: false })

  test('a deep link leads through signing in to a release, and no address carries what was typed', async ({
    page,
    browser,
    started,
  }) => {
    const { app } = started
    const addresses: string[] = []
    page.on('request', (request) => addresses.push(request.url()))
    await page.goto(`${app.url}/releases/new?from=mail`)
    await expect(page).toHaveURL(/\/sign-in\?next=/)
    await page.getByLabel('Email').fill(artist.email)
    await page.getByLabel('Password').fill('not the password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByRole('alert')).toHaveText('Email or password is wrong.')
    await expect(page.getByLabel('Email')).toHaveValue(artist.email)
    await expect(page.getByLabel('Password')).toHaveValue('')

    await page.getByLabel('Password').fill(artist.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page).toHaveURL(`${app.url}/releases/new?from=mail`)

    await page.getByLabel('Title').fill('\u200b')
    await page.getByLabel('Release date').fill('2026-12-04')
    await page.getByLabel('Lyrics').fill('Salt on the window')
    await page.getByRole('button', { name: 'Create release' }).click()
    await expect(page.getByText('Give the release a title')).toBeVisible()
    await expect(page.getByLabel('Lyrics')).toHaveValue('Salt on the window')

    await page.getByLabel('Title').fill('Without scripts')
    await page.getByRole('button', { name: 'Create release' }).click()
    await expect(page.getByRole('heading', { name: 'Without scripts' })).toBeVisible()
    await page.getByRole('button', { name: 'Submit for review' }).click()
    await expect(page.getByText('submitted')).toBeVisible()

    const reader = await browser.newContext({ javaScriptEnabled: false })
    const admin = await reader.newPage()
    await signIn(admin, app, 'admin')
    await admin.goto(page.url())
    // Nothing of what is read there has changed, so that it can be published as it was read.
    await page.getByRole('button', { name: 'Take back to change it' }).click()
    await page.getByText('Delete draft…').click()
    await expect(page.getByRole('button', { name: 'Delete it for good' })).toBeVisible()
    await page.getByRole('button', { name: 'Submit for review' }).click()
    await admin.getByRole('button', { name: 'Publish' }).click()
    await expect(admin.getByText('live', { exact: true })).toBeVisible()
    await reader.close()

    const gone = await page.goto(`${app.url}/releases/00000000-0000-4000-8000-000000000000`)
    expect(gone?.status()).toBe(404)
    await expect(page.getByRole('heading', { name: 'There is nothing here' })).toBeVisible()
    await expect(page).toHaveTitle('Not found · MSC & Co')
    expect((await page.goto(`${app.url}/admin/accounts`))?.status()).toBe(404)
    await expect(page.getByRole('heading', { name: 'There is nothing here' })).toBeVisible()

    expect(addresses.filter((address) => /night-drive|not%20the|Salt|Without/i.test(address))).toEqual([])
    await page.getByRole('button', { name: 'Sign out' }).click()
    await expect(page).toHaveURL(`${app.url}/sign-in`)
    await page.goto(`${app.url}/account`)
    await expect(page).toHaveURL(`${app.url}/sign-in?next=%2Faccount`)
  })
})

test('no address that a sign-in leads to is another site’s', async ({ page, started }) => {
  const { app } = started
  for (const next of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)']) {
    await page.goto(`${app.url}/sign-in?next=${encodeURIComponent(next)}`)
    await expect(page.locator('input[name=next]')).toHaveValue('/')
  }
})

test('a session ends everywhere when it is signed out elsewhere', async ({ page, browser, started }) => {
  const { app } = started
  await signIn(page, app, 'artist')
  const other = await browser.newContext()
  await signIn(await other.newPage(), app, 'artist')
  expect((await page.request.post(`${app.url}/api/account/sessions`, { data: {} })).status()).toBe(200)
  expect((await other.request.get(`${app.url}/api/notifications`)).status()).toBe(401)
  expect((await page.request.get(`${app.url}/api/notifications`)).status()).toBe(200)
  await other.close()
})
