import { expect, test as base, type BrowserContext, type Page } from '@playwright/test'
import { startRealtimeSite, type RealtimeSite } from './realtime-site.ts'

const test = base.extend<object, { site: RealtimeSite }>({
  site: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads the fixtures to make from the pattern
    async ({}, use) => {
      const site = await startRealtimeSite()
      await use(site)
      await site.close()
    },
    { scope: 'worker', timeout: 60_000 },
  ],
})

let users = 0
const newUser = (): string => `u${++users}`

interface Tab {
  readonly page: Page
  readonly sockets: () => number
  /** The time at which the page opened its last socket. */
  readonly openedAt: () => number
}
/** Opens the page, and counts the sockets that it opens. */
async function open(context: BrowserContext, site: RealtimeSite, user: string, seconds = 3600): Promise<Tab> {
  const page = await context.newPage()
  let sockets = 0
  let openedAt = 0
  page.on('websocket', () => {
    sockets += 1
    openedAt = Date.now()
  })
  page.on('pageerror', (error) => {
    throw error
  })
  await page.goto(`${site.url}&user=${user}&seconds=${seconds}`)
  await expect(page.getByTestId('status')).toHaveText('connected')
  await expect(page.getByTestId('ready')).toHaveText('true')
  return { page, sockets: () => sockets, openedAt: () => openedAt }
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

test('two tabs share a socket; when the tab that has it closes, the other takes over, and nothing is lost', async ({
  context,
  site,
}) => {
  const user = newUser()
  const first = await open(context, site, user)
  const second = await open(context, site, user)
  const third = await open(context, site, user)
  expect([first.sockets(), second.sockets(), third.sockets()]).toEqual([1, 0, 0])
  expect(site.realtime.stats().connections).toBe(1)
  await site.insert(user, 1, 2)
  for (const { page } of [first, second, third]) await expect(page.getByTestId('rows')).toHaveText('1 2')

  // Each tab receives the other's messages, but not its own.
  await second.page.getByRole('button', { name: 'Say' }).click()
  await expect(first.page.getByTestId('notes')).toHaveText('Page')
  await expect(third.page.getByTestId('notes')).toHaveText('Page')
  await expect(second.page.getByTestId('notes')).toHaveText('')

  const from = Date.now()
  const closing = first.page.close()
  await site.insert(user, ...range(3, 30))
  await closing
  for (const { page } of [second, third]) await expect(page.getByTestId('rows')).toHaveText(range(1, 30).join(' '))
  await expect.poll(() => second.sockets() + third.sockets()).toBe(1)
  const took = Math.max(second.openedAt(), third.openedAt()) - from
  console.log(`Taken over ${took} ms after the click`)
  expect(took).toBeLessThan(2000)
  await expect.poll(() => site.realtime.stats().connections).toBe(1)
  await site.insert(user, 31)
  for (const { page } of [second, third]) {
    await expect(page.getByTestId('rows')).toHaveText(range(1, 31).join(' '))
    await expect(page.getByTestId('gaps')).toHaveText('0')
  }
})

test('a tab that crashes loses nothing for the others', async ({ context, site }) => {
  const user = newUser()
  const first = await open(context, site, user)
  const second = await open(context, site, user)
  expect(first.sockets()).toBe(1)
  const session = await context.newCDPSession(first.page)
  // This call never returns, since its process has gone.
  void session.send('Page.crash').catch(() => undefined)
  await site.insert(user, ...range(1, 10))
  await expect(second.page.getByTestId('rows')).toHaveText(range(1, 10).join(' '))
})

test('a page reports a lost network, and catches up when it is back', async ({ context, site }) => {
  const user = newUser()
  const { page } = await open(context, site, user)
  await site.insert(user, 1)
  await expect(page.getByTestId('rows')).toHaveText('1')
  await context.setOffline(true)
  site.network.refuse(true)
  site.network.kill()
  await expect(page.getByTestId('status')).toHaveText('offline')
  await site.insert(user, 2, 3)
  await page.waitForTimeout(1500)
  await expect(page.getByTestId('rows')).toHaveText('1')
  site.network.refuse(false)
  const from = Date.now()
  await context.setOffline(false)
  await expect(page.getByTestId('status')).toHaveText('connected')
  await expect(page.getByTestId('rows')).toHaveText('1 2 3')
  // Reconnects at once, not after the rest of a backoff.
  expect(Date.now() - from).toBeLessThan(3000)
  await expect(page.getByTestId('gaps')).toHaveText('0')
})

test('StrictMode causes one membership, one copy of each message, and leaves nothing behind', async ({
  context,
  site,
}) => {
  const user = newUser()
  const problems: string[] = []
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
  })
  const { page, sockets } = await open(context, site, user)
  await site.insert(user, ...range(1, 5))
  await expect(page.getByTestId('rows')).toHaveText('1 2 3 4 5')
  await expect(page.getByTestId('unread')).toHaveText('5 of 5')
  expect(sockets()).toBe(1)
  // The two rooms are its feed and its channel.
  expect(site.realtime.stats()).toMatchObject({ connections: 1, rooms: 2 })
  expect(problems).toEqual([])
  await page.close()
  await expect.poll(() => site.realtime.stats()).toMatchObject({ connections: 0, rooms: 0 })
})

test('a tab that sleeps past the expiry of its token comes back with a new one', async ({ context, site }) => {
  const user = newUser()
  const { page } = await open(context, site, user, 3)
  const before = site.tokens
  const session = await context.newCDPSession(page)
  // Stops all of the page's code, as on a laptop that is closed.
  await session.send('Debugger.enable')
  await session.send('Debugger.pause')
  await site.insert(user, 1)
  // The server has closed the feed; only the channel's room is left.
  await expect.poll(() => site.realtime.stats().rooms, { timeout: 10_000 }).toBeLessThan(2)
  await site.insert(user, 2, 3)
  await session.send('Debugger.resume')
  await expect(page.getByTestId('rows')).toHaveText('1 2 3')
  await expect(page.getByTestId('gaps')).toHaveText('0')
  expect(site.tokens).toBeGreaterThan(before)
})

test('a dead connection is noticed and replaced', async ({ context, site }) => {
  const user = newUser()
  const { page, sockets } = await open(context, site, user)
  site.network.freeze()
  await site.insert(user, 1, 2)
  await expect(page.getByTestId('rows')).toHaveText('1 2')
  expect(sockets()).toBeGreaterThan(1)
})

test('notifications are counted in every tab, and a click asks for the browser’s permission', async ({
  context,
  site,
}) => {
  const user = newUser()
  await context.grantPermissions([])
  const first = await open(context, site, user)
  const second = await open(context, site, user)
  await site.insert(user, 101, 102)
  for (const { page } of [first, second]) await expect(page.getByTestId('unread')).toHaveText('2 of 2')
  await site.markRead(101)
  for (const { page } of [first, second]) await expect(page.getByTestId('unread')).toHaveText('1 of 2')
  await expect(first.page.getByTestId('permission')).not.toHaveText('granted')
  await context.grantPermissions(['notifications'])
  await first.page.getByRole('button', { name: 'Allow' }).click()
  await expect(first.page.getByTestId('permission')).toHaveText('granted')
})
