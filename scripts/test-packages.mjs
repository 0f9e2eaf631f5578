// `npm run test:packages [-- <package>…] [--only bundles,next,runtimes,types,managers,sizes] [--write-sizes]` tests
// each package as a team would add it. It packs all of them and installs each alone from its tarball in an empty folder
// without optional peers. There it builds the package with esbuild, webpack, Vite and Next.js; imports it on Node 22,
// 24, 26, Bun, Deno and workerd; type-checks it with TypeScript 5.9, 6 and 7, strictly and libraries included; repeats
// this with npm, pnpm and yarn; and measures its sizes.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { entriesOf, manifestOf, packageFolders } from './lib/entries.mjs'
import { root } from './lib/pnpm.mjs'
import { buildWithNext, bundle, installNext } from './packages/bundles.mjs'
import { install, packAll } from './packages/consumer.mjs'
import { importOnRuntimes, importOnWorkerd } from './packages/runtimes.mjs'
import { compare, measure, writeLimits } from './packages/sizes.mjs'
import { TYPES, TYPESCRIPTS, installTools } from './packages/tools.mjs'
import { namedInTypes, typecheck } from './packages/types.mjs'

const PARTS = ['bundles', 'next', 'runtimes', 'types', 'managers', 'sizes']
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: PARTS.join(',') },
    'write-sizes': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
})
const parts = values.only.split(',')
const unknown = parts.filter((part) => !PARTS.includes(part))
const strangers = positionals.filter((name) => !packageFolders().includes(name))
if (unknown.length > 0 || strangers.length > 0) {
  console.error(
    `Unknown: ${[...unknown, ...strangers].join(', ')}. Parts: ${PARTS.join(', ')}. Packages: ${packageFolders().join(', ')}.`,
  )
  process.exit(2)
}

const started = Date.now()
const work = mkdtempSync(join(tmpdir(), 'msc-packages-'))
const problems = []
const sizes = {}

/** Runs a step. A failure is printed, and the next step runs all the same. */
async function step(name, run) {
  const from = Date.now()
  try {
    await run()
    console.log(`✓ ${name} (${((Date.now() - from) / 1000).toFixed(1)} s)`)
  } catch (error) {
    problems.push(name)
    console.error(`✗ ${name}\n${error instanceof Error ? error.message : error}\n`)
  }
}

try {
  const tools = await installTools()
  const tarballs = await packAll(join(work, 'tarballs'))
  if (parts.includes('next')) await installNext(join(work, 'next'))
  for (const folder of positionals.length > 0 ? positionals : packageFolders())
    await tryPackage(folder, tools, tarballs)
  if (parts.includes('sizes')) {
    if (values['write-sizes']) writeLimits(sizes)
    problems.push(...compare(sizes))
  }
} finally {
  if (values.keep) console.log(`Kept: ${work}`)
  else rmSync(work, { recursive: true, force: true })
}
console.log(`Took ${((Date.now() - started) / 1000).toFixed(0)} s`)
if (problems.length > 0) {
  console.error(`Failed: ${problems.join('; ')}`)
  process.exit(1)
}

async function tryPackage(package_, tools, tarballs) {
  const { name, peerDependencies = {} } = manifestOf(package_)
  const entries = entriesOf(package_)
  const folder = join(work, 'npm', package_)
  const beside = { '@types/node': TYPES['@types/node'] }
  await step(`${name}: npm install`, async () => {
    await install({ folder, name, tarballs, beside })
    const found = Object.keys(peerDependencies).filter((peer) => isInstalled(folder, peer))
    if (found.length > 0) throw new Error(`Installed although optional: ${found.join(', ')}`)
  })
  if (parts.includes('bundles')) {
    await step(`${name}: esbuild, webpack, Vite`, () => bundle({ folder, entries, tools }))
  }
  if (parts.includes('next')) {
    await step(`${name}: next build`, async () => {
      const project = join(work, 'next', package_)
      cpSync(join(folder, 'node_modules'), join(project, 'node_modules'), { recursive: true })
      await buildWithNext({ folder: project, entries })
    })
  }
  if (parts.includes('runtimes')) {
    await step(`${name}: Node 22, 24, 26, Bun, Deno`, () => importOnRuntimes({ folder, entries, tools }))
    await step(`${name}: workerd`, () => importOnWorkerd({ folder, entries, tools }))
  }
  if (parts.includes('types'))
    await typesOf(package_, { name, entries, folder, beside, peerDependencies }, tools, tarballs)
  if (parts.includes('managers')) {
    for (const manager of ['pnpm', 'yarn']) {
      await step(`${name}: ${manager}`, async () => {
        const other = join(work, manager, package_)
        await install({ folder: other, manager, name, tarballs, beside, yarn: tools.yarn })
        const door = entries.filter(({ path }) => path === '.')
        await importOnRuntimes({ folder: other, entries: door, tools })
        await typecheck({ folder: other, entries: door, tools, versions: ['7'] })
      })
    }
  }
  if (parts.includes('sizes')) {
    await step(`${name}: sizes`, async () => void Object.assign(sizes, await measure({ folder, entries, tools })))
  }
}

/**
 * Checks without peers the entry points that name none, and then the rest with the peers. A root or a page's entry
 * point may name none.
 */
async function typesOf(package_, { name, entries, folder, beside, peerDependencies }, tools, tarballs) {
  const versions = Object.keys(TYPESCRIPTS)
  const peers = Object.keys(peerDependencies)
  const alone = entries.filter((entry) => !peers.some((peer) => namedInTypes(folder, entry).has(peer)))
  await step(`${name}: TypeScript ${versions.join(', ')}`, async () => {
    const door = entries.filter(
      ({ path }) => ['.', './browser', './testing'].includes(path) && !alone.some((each) => each.path === path),
    )
    if (door.length > 0) throw new Error(`Its types need an optional peer: ${door.map((each) => each.name).join(', ')}`)
    await typecheck({ folder, entries: alone, tools, versions })
    const pages = alone.filter((entry) => !entry.node)
    await typecheck({ folder, entries: pages, tools, versions: ['7'], page: true })
  })
  const rest = entries.filter((entry) => !alone.includes(entry))
  if (rest.length === 0) return
  await step(`${name}: TypeScript, with its peers`, async () => {
    const full = join(work, 'peers', package_)
    const all = { ...beside, '@types/react': TYPES['@types/react'], ...peersTested(package_, peers) }
    await install({ folder: full, name, tarballs, beside: all })
    await typecheck({ folder: full, entries: rest, tools, versions, withPeers: true })
  })
}

/** Returns the peers, at the versions that the package is tested with. */
function peersTested(package_, peers) {
  return Object.fromEntries(
    peers.map((peer) => [
      peer,
      JSON.parse(readFileSync(join(root, 'packages', package_, 'node_modules', peer, 'package.json'), 'utf8')).version,
    ]),
  )
}

function isInstalled(folder, peer) {
  return existsSync(join(folder, 'node_modules', peer))
}
