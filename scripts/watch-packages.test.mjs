import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { watchPackages } from './lib/watch-packages.mjs'

const cleanups = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

function repository() {
  const root = mkdtempSync(join(tmpdir(), 'msc-watch-'))
  cleanups.push(() => rmSync(root, { recursive: true, force: true }))
  for (const name of ['cache', 'core']) mkdirSync(join(root, 'packages', name, 'src', 'drivers'), { recursive: true })
  const write = (path, text = 'export {}\n') => writeFileSync(join(root, 'packages', path), text)
  return { root, write }
}

it('reports the packages whose sources changed, and ignores tests', async () => {
  const { root, write } = repository()
  const told = Promise.withResolvers()
  cleanups.push(watchPackages(root, async (packages) => told.resolve(packages)))
  write('cache/src/index.test.ts')
  write('core/src/index.ts')
  write('core/src/drivers/one.ts')
  expect(await told.promise).toEqual(['core'])
})

it('keeps changes during a build for the next one, with the packages of a build that failed', async () => {
  const { root, write } = repository()
  const builds = []
  const second = Promise.withResolvers()
  cleanups.push(
    watchPackages(root, async (packages) => {
      builds.push(packages)
      if (builds.length === 2) return second.resolve()
      write('cache/src/index.ts')
      throw new Error('The build failed on purpose.')
    }),
  )
  write('core/src/index.ts')
  await second.promise
  expect(builds).toEqual([['core'], ['cache', 'core']])
})
