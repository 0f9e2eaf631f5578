import { seededUsers } from '../lib/db/seed.ts'
import { expect, signIn, test } from './support/fixtures.ts'

const [artist] = seededUsers
const TOPIC = `feed:releases:${artist.id}`
const release = { artistName: 'Ines Valder', genre: 'Jazz', releaseDate: '2027-02-05', lyrics: '' }

interface Room {
  readonly members: number
  readonly list: readonly { readonly sub?: string; readonly transport: string; readonly joinedAt: number }[]
}

test('an administrator sees who is connected, follows what they are sent, and sends them away; their page comes back', async ({
  page,
  browser,
  started,
}) => {
  const { app } = started
  await signIn(page, app, 'artist')
  await page.goto(`${app.url}/releases`)
  await expect(page.locator('[data-live=true]')).toBeVisible()

  const context = await browser.newContext()
  const admin = await context.newPage()
  const violations: string[] = []
  admin.on('console', (message) => violations.push(message.text()))
  await signIn(admin, app, 'admin')
  const room = async (): Promise<Room> => {
    const query = new URLSearchParams({ topic: TOPIC, kind: 'private', format: 'json' })
    return (await (await admin.request.get(`${app.url}/devtools/realtime/room?${query.toString()}`)).json()) as Room
  }

  await test.step('who is where', async () => {
    await admin.goto(`${app.url}/devtools`)
    await admin.getByRole('link', { name: 'Realtime' }).click()
    await expect(admin.getByRole('heading', { level: 1 })).toHaveText(/^\d+ connections? in \d+ rooms?\s*$/)
    await expect(admin.getByText('listening')).toBeVisible()
    await admin.getByLabel('Rooms by name').fill('FEED:RELEASES:1111')
    await admin.getByRole('button', { name: 'Search' }).click()
    await admin.getByRole('link', { name: TOPIC }).click()
    await expect(admin.getByRole('cell', { name: artist.id }).first()).toBeVisible()
    await expect(admin.getByRole('cell', { name: 'websocket' }).first()).toBeVisible()
  })

  await test.step('what is sent there', async () => {
    await admin.getByRole('link', { name: 'Follow what is sent here' }).click()
    await admin.getByRole('link', { name: 'Show payloads' }).click()
    const created = await page.request.post(`${app.url}/api/releases`, { data: { ...release, title: 'Followed' } })
    expect(created.status()).toBe(201)
    // By itself, without a script.
    await expect(admin.getByRole('cell', { name: 'INSERT' }).first()).toBeVisible()
    await expect(admin.getByRole('cell', { name: 'Followed' }).first()).toBeVisible()
    await admin.getByRole('link', { name: 'This room' }).click()
  })

  await test.step('sent away, and back', async () => {
    const before = await room()
    expect(before.members).toBeGreaterThan(0)
    const latest = Math.max(...before.list.map(({ joinedAt }) => joinedAt))
    await admin.getByText('Kick…').first().click()
    await admin
      .getByRole('button', { name: `Kick ${artist.id}` })
      .first()
      .click()
    await expect(admin.getByRole('status')).toHaveText(/\d+ members? of this server sent away\./)
    await expect
      .poll(async () => (await room()).list.some(({ sub, joinedAt }) => sub === artist.id && joinedAt > latest))
      .toBe(true)
    await expect(page.locator('[data-live=true]')).toBeVisible()
    const listed = await page.getByRole('listitem').count()
    await page.request.post(`${app.url}/api/releases`, { data: { ...release, title: 'After the kick' } })
    await expect(page.getByRole('listitem')).toHaveCount(listed + 1)
  })

  await test.step('on a phone, without sideways scroll', async () => {
    await admin.setViewportSize({ width: 390, height: 844 })
    for (const path of ['', `/room?topic=${TOPIC}&kind=private`, `/follow?topic=${TOPIC}&kind=private&payloads=1`]) {
      await admin.goto(`${app.url}/devtools/realtime${path}`)
      expect(await admin.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
    }
  })
  expect(violations).toEqual([])
  await context.close()
})

test('nobody else finds the realtime pages, nor the form', async ({ page, request, started: { app } }) => {
  await signIn(page, app, 'artist')
  for (const path of ['realtime', `realtime/room?topic=${TOPIC}&kind=private`, 'realtime?format=json']) {
    expect((await request.get(`${app.url}/devtools/${path}`)).status()).toBe(404)
    expect((await page.request.get(`${app.url}/devtools/${path}`)).status()).toBe(404)
  }
  const form = { topic: JSON.stringify(TOPIC), kind: 'private' }
  const answer = await page.request.post(`${app.url}/devtools/realtime/kick`, {
    form,
    headers: { 'sec-fetch-site': 'same-origin' },
  })
  expect(answer.status()).toBe(404)
})

test('a page of another site kicks nobody, whoever opens it', async ({ page, started: { app } }) => {
  await signIn(page, app, 'admin')
  const form = { topic: JSON.stringify(TOPIC), kind: 'private', for: '0' }
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://elsewhere.example' }, {}]) {
    const answer = await page.request.post(`${app.url}/devtools/realtime/kick`, { form, headers })
    expect(answer.status()).toBe(403)
  }
})
