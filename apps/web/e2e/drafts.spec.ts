import type { Page } from '@playwright/test'
import { seededUsers } from '../lib/db/seed.ts'
import { expect, signIn, test } from './support/fixtures.ts'

const TITLE = 'Nobody else may read this'
const LYRICS = 'nor what I have sung'

async function type(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/releases/new`)
  await page.getByLabel('Title').fill(TITLE)
  await page.getByLabel('Lyrics').fill(LYRICS)
}

/** Everything that the tab has of the page and in its store. */
async function seenBy(page: Page): Promise<string> {
  return page.evaluate(() =>
    [
      document.body.innerText,
      ...[...document.querySelectorAll<HTMLInputElement>('input, textarea')].map(({ value }) => value),
      JSON.stringify(sessionStorage),
      JSON.stringify(localStorage),
    ].join('\n'),
  )
}

async function expectNothing(page: Page): Promise<void> {
  const seen = await seenBy(page)
  expect(seen).not.toContain(TITLE)
  expect(seen).not.toContain(LYRICS)
}

async function fillIn(page: Page, role: 'artist' | 'admin'): Promise<void> {
  const { email, password } = seededUsers.find((user) => user.role === role) as (typeof seededUsers)[number]
  await page.getByLabel('Email').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

test('what one person typed is gone when they sign out, and not shown to the next one in the tab', async ({
  page,
  started: { app },
}) => {
  await signIn(page, app, 'artist')
  await type(page, app.url)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible()
  await expectNothing(page)
  await signIn(page, app, 'admin')
  await page.goto(`${app.url}/releases/new`)
  await expect(page.getByLabel('Artist')).toHaveValue('Platform team')
  await expect(page.getByLabel('Title')).toHaveValue('')
  await expectNothing(page)
  // Nor by going back to where it was typed.
  const visited: string[] = []
  // Some pages lead on at once, so that the address afterwards would not tell.
  page.on('framenavigated', (frame) => visited.push(new URL(frame.url()).pathname))
  for (;;) {
    await page.goBack()
    if (page.url() === 'about:blank') break
    // The page may lead on, or load itself again.
    await expect(() => expectNothing(page)).toPass({ timeout: 5000 })
  }
  expect(visited).toContain('/releases/new')
})

test('who comes back after the session has ended finds what they typed; anybody else finds nothing', async ({
  page,
  context,
  started: { app },
}) => {
  await signIn(page, app, 'artist')
  await type(page, app.url)
  await page.getByLabel('Release date').fill('2026-12-24')
  await context.clearCookies()
  await page.getByRole('button', { name: 'Create release' }).click()
  await page.waitForURL(/\/sign-in\?next=/)
  await fillIn(page, 'artist')
  await page.waitForURL(/\/releases\/new/)
  await expect(page.getByLabel('Title')).toHaveValue(TITLE)
  await expect(page.getByLabel('Lyrics')).toHaveValue(LYRICS)

  await context.clearCookies()
  await page.getByRole('button', { name: 'Create release' }).click()
  await page.waitForURL(/\/sign-in\?next=/)
  await fillIn(page, 'admin')
  await page.waitForURL(/\/releases\/new/)
  await expect(page.getByRole('link', { name: 'Platform team' })).toBeVisible()
  await expect(page.getByLabel('Title')).toHaveValue('')
  await expectNothing(page)
})

test('a visitor who is nobody finds nothing of the session that has ended', async ({
  page,
  context,
  started: { app },
}) => {
  await signIn(page, app, 'artist')
  await type(page, app.url)
  await context.clearCookies()
  await page.goto(app.url)
  await expect(page.getByRole('heading', { name: 'Your music' })).toBeVisible()
  await expect.poll(() => page.evaluate(() => Object.keys(sessionStorage).join())).not.toContain('msc-draft')
  await expectNothing(page)
})

test('another tab of the browser shows the new person at once, and nothing of the last', async ({
  page,
  context,
  started: { app },
}) => {
  await signIn(page, app, 'artist')
  await type(page, app.url)
  const other = await context.newPage()
  await other.goto(app.url)
  await other.getByRole('button', { name: 'Sign out' }).click()
  await expect(other.getByRole('heading', { name: 'Sign in' })).toBeVisible()
  await expect(page).toHaveURL(/\/sign-in/)
  await expectNothing(page)
  await signIn(other, app, 'admin')
  await expect(page.getByRole('link', { name: 'Platform team' })).toBeVisible()
  await page.goto(`${app.url}/releases/new`)
  await expect(page.getByLabel('Title')).toHaveValue('')
  await expectNothing(page)
})
