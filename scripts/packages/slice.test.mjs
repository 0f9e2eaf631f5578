import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { entriesOf, manifestOf, packageFolders, vendors } from '../lib/entries.mjs'
import { root } from '../lib/pnpm.mjs'
import { bundleWithEsbuild } from './bundles.mjs'
import { install, packAll } from './consumer.mjs'
import { importOnRuntimes } from './runtimes.mjs'
import { compare, measure } from './sizes.mjs'
import { TYPES } from './tools.mjs'
import { namedInTypes, typecheck } from './types.mjs'

// A slice of `npm run test:packages`, with what the repository has installed already: one bundler, one runtime, one compiler,
// and one folder for all nine packages instead of a folder for each.
const tools = {
  require: createRequire(join(root, 'package.json')),
  runtimes: { [`Node ${process.versions.node}`]: [process.execPath] },
  tsc: () => join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
}

describe('the packages as they are published, in a folder without optional peers', () => {
  const work = mkdtempSync(join(tmpdir(), 'msc-slice-'))
  const folder = join(work, 'consumer')

  beforeAll(async () => {
    const tarballs = await packAll(join(work, 'tarballs'))
    const files = Object.entries(tarballs).map(([name, file]) => [name, `file:${file}`])
    const beside = { '@types/node': TYPES['@types/node'], ...Object.fromEntries(files) }
    await install({ folder, manager: 'pnpm', name: '@msc/core', tarballs, beside })
  }, 180_000)
  afterAll(() => rmSync(work, { recursive: true, force: true }))

  it('bring no vendor', () => {
    expect(vendors()).toContain('pg')
    expect(vendors().filter((name) => existsSync(join(folder, 'node_modules', name)))).toEqual([])
  })

  describe.each(packageFolders())('@msc/%s', (name) => {
    it('is bundled for servers and pages', { timeout: 60_000 }, async () => {
      await bundleWithEsbuild({ folder, entries: entriesOf(name), tools })
      expect(existsSync(join(folder, 'out', 'esbuild-server', 'server.js'))).toBe(true)
    })

    it('is imported, every entry point', { timeout: 60_000 }, async () => {
      await importOnRuntimes({ folder, entries: entriesOf(name), tools })
      expect(manifestOf(name).name).toBe(`@msc/${name}`)
    })

    it('stays within its limits of size', { timeout: 60_000 }, async () => {
      const sizes = await measure({ folder, entries: entriesOf(name), tools })
      expect(Object.keys(sizes)).toContain(`@msc/${name}`)
      expect(compare(sizes, () => {})).toEqual([])
    })
  })

  it('type-check strictly, their declarations too', { timeout: 120_000 }, async () => {
    const entries = packageFolders().flatMap((name) => {
      const peers = Object.keys(manifestOf(name).peerDependencies ?? {})
      return entriesOf(name).filter((entry) => !peers.some((peer) => namedInTypes(folder, entry).has(peer)))
    })
    expect(entries.length).toBeGreaterThan(packageFolders().length)
    await typecheck({ folder, entries, tools, versions: ['7'] })
  })
})
