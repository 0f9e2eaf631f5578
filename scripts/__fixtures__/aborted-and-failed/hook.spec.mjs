import { beforeAll, it } from 'vitest'

beforeAll(() => {
  throw new Error('a hook that fails')
})
it('never runs', () => undefined)
