// Where a page runs: frames and browsers that share nothing, networks that block, the way back to a page.
import { expect, test as base, type FrameLocator, type Page } from '@playwright/test'
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
test.describe.configure({ timeout: 20_000 })
test.beforeEach(({ site }) => {
  site.ways.websocket = 'open'
  site.ways.events = 'open'
})

let users = 0
const newUser = (): string => `n${++users}`
const addressOf = (site: RealtimeSite, user: string): string => `${site.url}&user=${user}&seconds=3600`
const isConnected = async (page: Page | FrameLocator): Promise<void> => {
  await expect(page.getByTestId('status')).toHaveText('connected')
  await expect(page.getByTestId('ready')).toHaveText('true')
}
/** Hears what is written from now on. */
async function hears(page: Page | FrameLocator, site: RealtimeSite, user: string, first = 1): Promise<void> {
  await site.insert(user, first, first + 1)
  await expect(page.getByTestId('rows')).toContainText(`${first} ${first + 1}`)
  await expect(page.getByTestId('gaps')).toHaveText('0')
}

test('a sandboxed frame, which gets no locks and no storage, has a connection of its own', async ({ page, site }) => {
  const user = newUser()
  await page.goto(addressOf(site, user).replace('/?', '/frame?'))
  const frame = page.frameLocator('iframe')
  await isConnected(frame)
  await hears(frame, site, user)
})

for (const [what, script] of [
  ['has no locks', `Object.defineProperty(navigator, 'locks', { value: undefined })`],
  ['never answers a request for a lock', `LockManager.prototype.request = () => new Promise(() => {})`],
  ['has no channels between tabs', `delete window.BroadcastChannel`],
  ['brings nothing over its channels', `BroadcastChannel.prototype.postMessage = () => {}`],
  [
    'is as old as Safari 15.4',
    `delete AbortSignal.any; delete AbortSignal.timeout; delete URL.parse; delete URL.canParse; delete Promise.withResolvers;
     delete Array.prototype.toSorted; delete Array.prototype.findLast; delete window.TextDecoderStream; delete Promise.try;
     delete Object.groupBy; delete window.Iterator; delete ReadableStream.prototype[Symbol.asyncIterator];
     delete Array.fromAsync; delete Set.prototype.union; delete window.structuredClone`,
  ],
] as const) {
  test(`a browser that ${what} is connected, and hears`, async ({ page, site }) => {
    const user = newUser()
    await page.addInitScript(script)
    await page.goto(addressOf(site, user))
    await isConnected(page)
    await hears(page, site, user)
  })
}

test('where upgrades are refused it goes on over a stream, and back over a WebSocket', async ({ page, site }) => {
  const user = newUser()
  site.ways.websocket = 'refused'
  await page.goto(addressOf(site, user))
  await isConnected(page)
  await hears(page, site, user)
  // The stream is lost, and the network is a better one.
  const opened = page.waitForEvent('websocket')
  site.ways.websocket = 'open'
  site.network.kill()
  await opened
  await isConnected(page)
  await site.insert(user, 3)
  await expect(page.getByTestId('rows')).toHaveText('1 2 3')
})

test('where streams are collected too it goes on by polling, within seconds', async ({ page, site }) => {
  const user = newUser()
  site.ways.websocket = 'refused'
  site.ways.events = 'mute'
  const from = Date.now()
  await page.goto(addressOf(site, user))
  await isConnected(page)
  console.log(`Connected by polling after ${Date.now() - from} ms`)
  await hears(page, site, user)
  const { connections } = site.realtime.stats()
  await page.close()
  // It says goodbye, as the server would otherwise wait for the next poll for a minute.
  await expect.poll(() => site.realtime.stats().connections, { timeout: 3000 }).toBeLessThan(connections)
})

test('no token is in an address, whichever way it goes', async ({ page, site }) => {
  const addresses: string[] = []
  page.on('request', (request) => addresses.push(request.url()))
  page.on('websocket', (socket) => addresses.push(socket.url()))
  await page.goto(addressOf(site, newUser()))
  await isConnected(page)
  site.ways.websocket = 'refused'
  site.network.kill()
  await page.waitForRequest(/\/events$/)
  await isConnected(page)
  const own = addresses.filter((address) => address.includes('/realtime/'))
  expect(own.length).toBeGreaterThanOrEqual(2)
  for (const address of own) expect(address).not.toMatch(/apikey|eyJ/)
})

for (const [tabs, alone] of [
  ['with its connection shared', ''],
  ['with a connection of its own', '&alone=1'],
] as const) {
  test(`a page that comes back from the cache hears again, and has lost nothing, ${tabs}`, async ({
    playwright,
    launchOptions,
    site,
  }) => {
    const browser = await playwright.chromium.launch({
      ...launchOptions,
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    })
    try {
      const page = await browser.newPage()
      const user = newUser()
      await page.goto(addressOf(site, user) + alone)
      await isConnected(page)
      await hears(page, site, user)
      // Playwright loses sight of a page that comes back from the cache, so the page reports what it hears from here on.
      await page.evaluate(() => {
        const textOf = (id: string): string => document.querySelector(`[data-testid=${id}]`)?.textContent ?? ''
        addEventListener('pageshow', ({ persisted }) => {
          if (!persisted) return
          setInterval(() => void fetch(`/report?${textOf('rows')}; ${textOf('gaps')} gaps, ${textOf('status')}`), 200)
        })
      })
      const { connections } = site.realtime.stats()
      await page.goto(`${new URL(site.url).origin}/elsewhere`)
      await expect.poll(() => site.realtime.stats().connections).toBeLessThan(connections)
      await site.insert(user, 3, 4)
      void page.evaluate(() => history.back()).catch(() => undefined)
      await expect.poll(() => site.reports.at(-1)).toBe('1 2 3 4; 0 gaps, connected')
      await site.insert(user, 5)
      await expect.poll(() => site.reports.at(-1)).toBe('1 2 3 4 5; 0 gaps, connected')
    } finally {
      await browser.close()
    }
  })
}
