import { createCache } from '@msc/cache'
import { memory } from '@msc/cache/memory'
import { expect, it } from 'vitest'
import { createFormMemory } from './form-memory.ts'
import { problem } from './problem.ts'

const response = problem({
  title: 'The request is not valid',
  status: 422,
  extensions: { issues: [{ path: 'title', message: 'Give it a title' }] },
})

it('keeps what was typed for the one who typed it, without what is secret', async () => {
  const forms = createFormMemory(createCache({ driver: memory() }))
  const values = { title: 'Night', password: 'swordfish', newPassword: 'swordfish', _key: 'x' }
  const id = await forms.keep({ response, values, user: { id: 'ann' } })
  expect(await forms.recall(id, { id: 'ann' })).toEqual({
    title: 'The request is not valid',
    values: { title: 'Night' },
    issues: [{ path: 'title', message: 'Give it a title' }],
  })
  expect(await forms.recall(id, { id: 'bob' })).toBeUndefined()
  expect(await forms.recall(id)).toBeUndefined()
  // The page may be loaded again.
  expect(await forms.recall(id, { id: 'ann' })).toBeDefined()
})

it.each([undefined, '', '*', 'form:*', ['a'], `${'0'.repeat(31)}*`])('knows no form of the id %j', async (id) => {
  const forms = createFormMemory(createCache({ driver: memory() }))
  expect(await forms.recall(id)).toBeUndefined()
})

it('keeps nothing while the cache is away, and what was no problem document without its text', async () => {
  const away = createFormMemory({ set: async () => false, get: async () => undefined })
  expect(await away.keep({ response, values: {}, user: undefined })).toBeUndefined()
  const forms = createFormMemory(createCache({ driver: memory() }))
  const id = await forms.keep({ response: new Response('<html>'), values: {}, user: undefined })
  expect(await forms.recall(id)).toEqual({ title: 'This could not be sent', values: {}, issues: [] })
})
