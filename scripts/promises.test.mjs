import { expect, it } from 'vitest'
import { titlesOf } from './lib/tests.mjs'

it('reads the titles of tests that run, and of no others', () => {
  const text = `
    describe.each(['redis'] as const)('on %s', () => {
      it('keeps a value', async () => {})
      it.skipIf(noRedis)(\`drops \${many} values\`, () => {})
      it.skip('is skipped', () => {})
      it.todo('is for later')
      run('is no test', () => {})
    })`
  expect(titlesOf(text, 'a.test.ts')).toEqual(['on %s', 'keeps a value', 'drops {…} values'])
})
