import { expect, it } from 'vitest'
import { createInbox } from '../client/inbox.ts'
import { tell, type Member } from '../client/members.ts'
import type { FeedPage } from './page.ts'
import { createFeedInbox } from './feed-inbox.ts'

const EPOCH = '00000000-0000-0000-0000-000000000000'
/** The row of transaction `n`, written when all before it had committed. */
const row = (n: number, epoch = EPOCH) => ({ n, _msc: { id: `f${n}`, cursor: `${epoch}:${n}:${n}:+${n}.${n}` } })
const page = (events: readonly number[], cursor: string, more = false): FeedPage => ({
  events: events.map((n) => ({ event: 'INSERT', payload: { n, _msc: { id: `f${n}` } } })),
  cursor,
  gap: false,
  more,
})
const at = (n: number): string => `${EPOCH}:${n}:${n}:`

/** An inbox whose history is what `answers` says, page by page; an error breaks the connection. */
function inboxOf(answers: (FeedPage | Error)[], of?: { readonly name: string; readonly private: boolean }) {
  const heard: unknown[] = []
  const asked: (string | undefined)[] = []
  const member: Member = {
    presenceKey: undefined,
    hears: new Set([['message', ({ n }: { n: number }) => void heard.push(n), '*'] as const]),
    read: undefined,
    onInvalid: () => undefined,
    reading: Promise.resolve(),
    tell,
  }
  const inbox = createFeedInbox(
    createInbox([member], new AbortController().signal, 'feed'),
    false,
    of && { options: of as never, members: new Set() },
  )
  const catchUp = (): Promise<boolean> => {
    inbox.hold()
    return inbox.catchUp(
      {
        async since(after) {
          asked.push(after)
          const answer = answers.shift()
          if (answer instanceof Error) throw answer
          return answer
        },
      },
      (_what, call) => call(new AbortController().signal),
    )
  }
  return { inbox, heard, asked, catchUp }
}

it('passes nothing that is still to be fetched: what comes behind it waits for it', async () => {
  const { inbox, heard, asked, catchUp } = inboxOf([page([], at(1)), page([2, 3], at(4))])
  await catchUp()
  expect(inbox.receive('INSERT', row(1))).toBe(true)
  // Row 2 was too large to be sent; row 3 comes before the connection is given up.
  expect(inbox.receive('more', { _msc: { more: true } })).toBe(false)
  inbox.receive('INSERT', row(3))
  expect(heard).toEqual([1])
  await catchUp()
  expect(heard).toEqual([1, 2, 3])
  expect(asked).toEqual([undefined, `${EPOCH}:1:1:+1.1`])
  inbox.receive('INSERT', row(3))
  inbox.receive('INSERT', row(4))
  expect(heard).toEqual([1, 2, 3, 4])
})

it('goes on within the history where that broke, and tells what is new behind it', async () => {
  const broken = new Error('The connection was lost.')
  const { inbox, heard, asked, catchUp } = inboxOf([
    page([], at(1)),
    page([1, 2], `${at(1)}>5:5:@2`, true),
    broken,
    page([3, 4], at(5)),
  ])
  await catchUp()
  await expect(catchUp()).rejects.toBe(broken)
  expect(heard).toEqual([1, 2])
  // Of the connection before: known from the history by then.
  inbox.receive('INSERT', row(4))
  const again = catchUp()
  inbox.receive('INSERT', row(4))
  inbox.receive('INSERT', row(6))
  await again
  expect(heard).toEqual([1, 2, 3, 4, 6])
  expect(asked).toEqual([undefined, at(1), `${at(1)}>5:5:@2`, `${at(1)}>5:5:@2`])
})

it('fetches everything anew when the history has become another one', async () => {
  const { inbox, heard, catchUp } = inboxOf([page([], at(1))])
  await catchUp()
  const other = row(1, EPOCH.replaceAll('0', '1'))
  expect(inbox.receive('INSERT', other)).toBe(false)
  expect(heard).toEqual([])
})

it.each([
  { name: 'room', private: false },
  { name: 'room', private: true },
  { name: 'feed:items:a', private: false },
])('believes no message of $name, private: $private, what only a server can say', async (of) => {
  const { inbox, heard, catchUp } = inboxOf([page([], '')], of)
  await catchUp()
  expect(inbox.receive('note', { n: 1, _msc: { id: '1', more: true } })).toBe(true)
  expect(inbox.receive('note', { n: 2, _msc: { id: '2', cursor: row(9)._msc.cursor } })).toBe(true)
  // Of another history, for which all would be fetched anew.
  expect(
    inbox.receive('note', { n: 3, _msc: { id: '3', cursor: row(9, EPOCH.replaceAll('0', '1'))._msc.cursor } }),
  ).toBe(true)
  expect(heard).toEqual([1, 2, 3])
  expect(inbox.position).toBe('')
})

it('is told by the server of a channel that there is more to be fetched', async () => {
  const { inbox, heard, catchUp } = inboxOf([page([], at(1)), page([1, 2], at(3))], { name: 'room', private: false })
  await catchUp()
  expect(inbox.receive('more', {}, { more: true })).toBe(false)
  expect(heard).toEqual([])
  await catchUp()
  expect(heard).toEqual([1, 2])
})
