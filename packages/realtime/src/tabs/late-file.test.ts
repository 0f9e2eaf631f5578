import { expect, it, vi } from 'vitest'
import type { RealtimeDriver, Subscription } from '../driver.ts'
import { createLeader } from './leader.ts'
import type { Answer } from './messages.ts'

it('refuses what needs a file that can’t be loaded, to be tried again, and loads it the next time', async () => {
  let loads = 0
  vi.doMock('../base/exact-json.ts', async (original) => {
    loads += 1
    if (loads === 1) throw new Error('Failed to fetch dynamically imported module')
    return original()
  })
  const sent: unknown[] = []
  const live = { send: async (_event: string, payload: unknown) => void sent.push(payload) } as unknown as Subscription
  const driver = { name: 'fake', subscribe: async () => live } as unknown as RealtimeDriver
  const answers: Answer[] = []
  const leader = createLeader(driver, (_tab, answer) => void answers.push(answer))
  const answered = async (id: string): Promise<Answer> => {
    const of = (): Answer | undefined => answers.find((answer) => 're' in answer && answer.re === id)
    await expect.poll(of).toBeDefined()
    return of() as Answer
  }
  leader.handle('tab', '1', {
    do: 'subscribe',
    sub: 's',
    topic: 'room',
    options: { private: false, self: false, token: '' },
  })
  await answered('1')
  const send = (id: string, n: string): Promise<Answer> => {
    leader.handle('tab', id, {
      do: 'send',
      sub: 's',
      event: 'm',
      payload: { n: Number(n) },
      json: `{"payload":{"n":${n}}}`,
    })
    return answered(id)
  }
  expect(await send('2', '1')).toMatchObject({ error: { retryable: true } })
  expect(sent).toEqual([])
  expect(await send('3', '2')).not.toHaveProperty('error')
  expect(sent).toEqual([{ n: 2 }])
  leader.close()
})
