import { expect, it } from 'vitest'
import { inTurn } from './in-turn.ts'

it('runs all steps in order, and throws the first failure', async () => {
  const ran: string[] = []
  const closing = inTurn(
    async () => void ran.push('server'),
    () => {
      throw new Error('database')
    },
    undefined as unknown as () => void,
    async () => void ran.push('sockets'),
    () => Promise.reject(new Error('pool')),
    () => void ran.push('files'),
  )
  await expect(closing).rejects.toThrow('database')
  expect(ran).toEqual(['server', 'sockets', 'files'])
  await inTurn(() => void ran.push('again'))
  expect(ran.at(-1)).toBe('again')
})
