// A page that a server has rendered, and people who sign in and out in it.
import { expect, test as base, type Page } from '@playwright/test'
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

/** Every text that the page has ever shown. */
const shownBy = (page: Page): Promise<string[]> => page.evaluate('shown')
const addressOf = (site: RealtimeSite, user: string, query = ''): string =>
  `${site.url.replace('/?', '/people?')}&user=${user}${query}`

test('a page shows what its server rendered, then what came since: no gap, no flash, nothing loaded twice', async ({
  page,
  site,
}) => {
  const requests: string[] = []
  page.on('request', (request) => requests.push(new URL(request.url()).pathname))
  await site.insert('ann', 1, 2)
  await page.goto(addressOf(site, 'ann', '&late=3&late=4'))
  await expect(page.getByTestId('list')).toHaveText('ann: 4 3 2 1')
  await expect(page.getByTestId('here')).toHaveText('ann')
  await site.insert('ann', 5)
  await expect(page.getByTestId('list')).toHaveText('ann: 5 4 3 2 1')
  const lists = [...new Set((await shownBy(page)).map((each) => each.split('\n')[0]))]
  // Each is the one before with something new in front.
  for (const [index, list] of lists.entries()) {
    if (index > 0)
      expect(list?.slice('ann: '.length)).toMatch(new RegExp(`${lists[index - 1]?.slice('ann: '.length)}$`))
  }
  expect(lists[0]).toBe('ann: 2 1')
  expect(requests).not.toContain('/items')
  expect(await page.evaluate('globalThis.hydrationError')).toBeUndefined()
})

test('whoever signs in next sees and hears nothing of the one before, and is nobody else', async ({
  context,
  site,
}) => {
  const [first, second] = [await context.newPage(), await context.newPage()]
  await site.insert('cleo', 7)
  await site.insert('bo', 8)
  for (const page of [first, second]) {
    await page.goto(addressOf(site, 'cleo'))
    await expect(page.getByTestId('here')).toHaveText('cleo')
  }
  await first.getByRole('button', { name: 'Sign out' }).click()
  await expect(first.getByTestId('list')).toHaveText('nobody:')
  await expect(first.getByTestId('here')).toHaveText('')
  // The other tab goes on as before.
  await expect(second.getByTestId('list')).toHaveText('cleo: 7')
  await site.insert('cleo', 70)
  await expect(second.getByTestId('list')).toHaveText('cleo: 70 7')
  await expect(first.getByTestId('list')).toHaveText('nobody:')

  await first.getByRole('button', { name: 'Bo' }).click()
  await expect(first.getByTestId('list')).toHaveText('bo: 8')
  await expect(first.getByTestId('here')).toHaveText('bo cleo')
  await expect(second.getByTestId('here')).toHaveText('bo cleo')
  await site.insert('cleo', 71)
  await site.insert('bo', 80)
  await expect(first.getByTestId('list')).toHaveText('bo: 80 8')
  await expect(second.getByTestId('list')).toHaveText('cleo: 71 70 7')
  await first.getByRole('button', { name: 'Say' }).click()
  await expect(second.getByTestId('notes')).toHaveText('bo')

  // Nothing of hers was to be seen since she signed out, not for a moment.
  const lists = (await shownBy(first)).map((each) => each.split('\n')[0] ?? '')
  const since = lists.slice(lists.findIndex((each) => each.startsWith('nobody')))
  expect(since.filter((each) => /7/.test(each) || each.startsWith('cleo'))).toEqual([])
  await first.close()
  await expect(second.getByTestId('here')).toHaveText('cleo')
})
