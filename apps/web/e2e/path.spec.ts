import { seededUsers } from '../lib/db/seed.ts'
import { devtools, expect, signIn, test } from './support/fixtures.ts'

const artist = seededUsers[0]

interface TraceRecords {
  readonly records: readonly {
    readonly kind: string
    readonly name: string
    readonly payload: { readonly attributes?: Record<string, unknown> }
  }[]
}

test('the app runs on the drivers that the environment names', async ({ page, started }) => {
  const { app, backend } = started
  const lines = app.output().match(/→ \S+ ✓/g)
  expect(lines).toEqual(backend.drivers.map((driver) => `→ ${driver} ✓`))
  await signIn(page, app, 'admin')
  await page.getByRole('link', { name: 'Systems' }).click()
  const cards = page.getByTestId(/^system-/)
  await expect(cards).toHaveCount(backend.drivers.length)
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(`All ${backend.drivers.length} services work`)
  for (const [index, driver] of backend.drivers.entries()) {
    await expect(cards.nth(index)).toContainText(driver)
    await expect(cards.nth(index)).toContainText('Ready')
  }
})

test('a wrong password is refused with a message', async ({ page, started }) => {
  await page.goto(`${started.app.url}/sign-in`)
  await page.getByLabel('Email').fill(artist.email)
  await page.getByLabel('Password').fill('not the password')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByText('Email or password is wrong')).toBeVisible()
  await expect(page).toHaveURL(/sign-in/)
})

test('a release is created, listed, analysed and announced in another tab, in one trace', async ({
  context,
  page,
  browser,
  started,
}) => {
  const { app, backend } = started
  const errors: string[] = []
  context.on('weberror', (error) => errors.push(error.error().message))
  context.on(
    'console',
    (message) => message.type() === 'error' && errors.push(`${message.text()} ${message.location().url}`),
  )
  await signIn(page, app, 'artist')

  const secondTab = await context.newPage()
  await secondTab.goto(`${app.url}/releases`)
  await expect(secondTab.locator('[data-live=true]')).toBeVisible()
  const listed = await secondTab.getByRole('listitem').count()
  const badge = secondTab.getByTestId('unread')
  const unread = (await badge.isVisible()) ? Number(await badge.innerText()) : 0

  await page.getByRole('link', { name: 'New release' }).click()
  await page.getByLabel('Title').fill('Night Drive')
  await page.getByLabel('Artist').fill('Ines Valder')
  await page.getByLabel('Genre').selectOption('Electronic')
  await page.getByLabel('Release date').fill('2026-12-04')
  await page.getByLabel('Lyrics').fill('Drive the night with me tonight\nLove is a light, a neon light')
  const answered = page.waitForResponse((response) => response.url().endsWith('/api/releases'))
  await page.getByRole('button', { name: 'Create release' }).click()
  const response = await answered
  expect(response.status()).toBe(201)
  const traceId = response.headers()['x-trace-id'] as string
  await expect(page.getByRole('heading', { name: 'Night Drive' })).toBeVisible()

  await test.step('the second tab shows it without a reload', async () => {
    await expect(secondTab.getByTestId('toast')).toContainText('Lyrics of “Night Drive” analysed')
    // Releases of other tests may be announced at the same time, so the number is at least one higher.
    await expect.poll(async () => Number(await secondTab.getByTestId('unread').innerText())).toBeGreaterThan(unread)
    await expect(secondTab.getByRole('listitem')).toHaveCount(listed + 1)
  })

  await test.step('the first tab shows the analysis by itself', async () => {
    await expect(page.getByText('English')).toBeVisible()
  })

  await test.step('reading them marks them as read in both tabs', async () => {
    await secondTab.getByRole('button', { name: /Notifications/ }).click()
    await expect(secondTab.getByTestId('unread')).toBeHidden()
    await expect(page.getByTestId('unread')).toBeHidden()
  })

  const admin = await browser.newContext()
  await signIn(await admin.newPage(), app, 'admin')
  await test.step('the event is recorded', async () => {
    await expect
      .poll(() => backend.findEvent(admin, 'release_created'))
      .toMatchObject({ properties: { title: 'Night Drive', genre: 'Electronic' }, traceId })
  })

  await test.step('request, cache, job, steps and message carry one trace id', async () => {
    const operations = async (): Promise<string[]> => {
      const { records } = await devtools<TraceRecords>(admin, app, `traces/${traceId}`)
      return records.map(({ name, payload }) => [name, payload.attributes?.['step']].filter(Boolean).join(' '))
    }
    await expect
      .poll(operations)
      .toEqual(
        expect.arrayContaining([
          'http.request',
          'cache.delete',
          'jobs.send',
          'jobs.step load',
          'jobs.step process',
          'jobs.step store',
          'jobs.step notify',
          'jobs.run',
          'realtime.publish',
        ]),
      )
  })

  await test.step('the browser’s events continue that trace', async () => {
    await expect.poll(() => backend.findEvent(admin, 'notification_shown')).toMatchObject({ traceId })
  })
  await admin.close()
  expect(errors).toEqual([])
})

test('a page that fails shows it, is asked for again, and is captured with its breadcrumbs', async ({
  context: admin,
  page,
  started,
}) => {
  const { app, backend } = started
  await signIn(page, app, 'admin')
  await page.goto(`${app.url}/boom`)
  await expect(page.getByRole('heading', { name: 'This page could not be shown' })).toBeVisible()
  const reference = (await page.getByText(/^Reference /).textContent())?.replace('Reference ', '') as string
  await expect(page.getByRole('link', { name: reference })).toHaveAttribute('href', /^\/devtools\/errors\?reference=/)
  const again = page.waitForRequest((request) => new URL(request.url()).pathname === '/boom')
  await page.getByRole('button', { name: 'Try again' }).click()
  await again
  await expect.poll(() => backend.findError(admin, 'This page fails on purpose')).toBeTruthy()
  const found = await backend.findError(admin, 'This page fails on purpose')
  expect(found?.tags).toMatchObject({ route: '/boom', method: 'GET', digest: reference })
  expect(found?.breadcrumbs).toEqual(
    expect.arrayContaining(['navigation: Opened the failing page', 'test: About to fail on purpose']),
  )
  expect(found?.traceId).toMatch(/^[\da-f]{32}$/)
  expect(found?.userId).toBe(seededUsers[1].id)
})

test('an error in the browser is captured', async ({ page, browser, started }) => {
  const { app, backend } = started
  await signIn(page, app, 'artist')
  await page.getByRole('link', { name: 'Releases' }).click()
  await expect(page).toHaveURL(/releases/)
  await page.evaluate(() => {
    setTimeout(() => {
      throw new RangeError('The cover art is too large')
    })
  })
  const admin = await browser.newContext()
  await signIn(await admin.newPage(), app, 'admin')
  await expect.poll(() => backend.findError(admin, 'The cover art is too large')).toBeTruthy()
  const found = await backend.findError(admin, 'The cover art is too large')
  expect(found?.breadcrumbs).toEqual(expect.arrayContaining(['ui.click: a Releases']))
  expect(found?.userId).toBe(artist.id)
  await admin.close()
})

test('a cron route runs with its secret, and answers 401 without', async ({ browser, started, request }) => {
  const { app, backend } = started
  const path = '/api/cron/daily-analytics'
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: backend.cronSecret }]) {
    const refused = await request.get(app.url + path, { headers })
    expect(refused.status()).toBe(401)
    expect(refused.headers()['content-type']).toContain('application/problem+json')
  }
  expect((await backend.triggerCron(path)).status).toBe(200)
  const admin = await browser.newContext()
  await signIn(await admin.newPage(), app, 'admin')
  await expect.poll(() => backend.findEvent(admin, 'catalogue_counted')).toBeTruthy()
  await admin.close()
})

test('a subscription that is due is renewed, and charged once', async ({ page, started }) => {
  const { app, backend } = started
  await signIn(page, app, 'artist')
  await page.getByRole('link', { name: 'Subscription' }).click()
  await expect(page.getByText('€9.90 a month')).toBeVisible()
  const path = '/api/cron/subscription-renewals'
  expect([(await backend.triggerCron(path)).status, (await backend.triggerCron(path)).status]).toEqual([200, 200])
  // It is charged first, and extended in the step after.
  await expect(async () => {
    await page.reload()
    await expect(page.getByTestId('payments').getByRole('listitem')).toHaveCount(1, { timeout: 500 })
    const paidUntil = Date.parse(`${await page.getByTestId('paid-until').innerText()} UTC`)
    expect(paidUntil - Date.now()).toBeGreaterThan(26 * 86_400_000)
  }).toPass()
  await expect(page.getByTestId('payments')).toContainText('€9.90')
})

test('the console is for admins; everybody else gets 404', async ({ page, request, started }) => {
  const { app } = started
  expect((await request.get(`${app.url}/devtools`)).status()).toBe(404)
  await signIn(page, app, 'artist')
  expect((await page.goto(`${app.url}/devtools`))?.status()).toBe(404)
  expect((await page.goto(`${app.url}/admin/systems`))?.status()).toBe(404)
})

test('signing out ends the session', async ({ page, started }) => {
  const { app } = started
  await signIn(page, app, 'artist')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible()
  await page.goto(`${app.url}/releases`)
  await expect(page).toHaveURL(/sign-in/)
})

for (const [role, paths] of [
  ['artist', ['/', '/releases', '/releases/new', '/subscription', '/account']],
  ['admin', ['/', '/releases', '/account', '/admin/accounts', '/admin/sign-ins', '/admin/systems']],
] as const) {
  test(`nothing is cut off on the phone of an ${role}`, async ({ browser, started }) => {
    const { app } = started
    const phone = await browser.newContext({ viewport: { width: 360, height: 740 } })
    const page = await phone.newPage()
    await signIn(page, app, role)
    for (const path of paths) {
      await page.goto(app.url + path)
      const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
      expect(content, path).toBeLessThanOrEqual(window as number)
    }
    await phone.close()
  })
}
