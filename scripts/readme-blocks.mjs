// `npm run test:readme [-- <package>…] [--linked]` tests every block of every package's README, as a reader pastes it.
// It packs the packages, installs each in an empty folder as its README says, type-checks the blocks and runs them;
// blocks that are files of a Next.js app are built instead. Then it measures the time from an empty folder to the first
// block's end, on a warm npm cache. `--linked` runs against the workspace's builds and installs nothing, for use while
// you write a README.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { manifestOf, packageFolders } from './lib/entries.mjs'
import { root } from './lib/pnpm.mjs'
import { install, packAll } from './packages/consumer.mjs'
import { FRAMEWORKS, TYPES, TYPESCRIPTS } from './packages/tools.mjs'
import { readReadme } from './readme/blocks.mjs'
import { buildApp, runProgram, runShell } from './readme/programs.mjs'
import { fileOf, typecheckFiles, writeProgram } from './readme/types.mjs'
import { linkWorkspace } from './readme/workspace.mjs'

/** From `npm install` to the first block's end, in seconds. */
const FIRST_RESULT = 10
const ATTEMPTS = 3

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { linked: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false } },
})
const strangers = positionals.filter((name) => !packageFolders().includes(name))
if (strangers.length > 0) {
  console.error(`Unknown: ${strangers.join(', ')}. Packages: ${packageFolders().join(', ')}.`)
  process.exit(2)
}

const work = mkdtempSync(join(tmpdir(), 'msc-readme-'))
const problems = []
const table = []
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')

async function step(name, act) {
  try {
    await act()
    console.log(`✓ ${name}`)
    return true
  } catch (error) {
    problems.push(name)
    console.error(`✗ ${name}\n${error instanceof Error ? error.message : error}\n`)
    return false
  }
}

try {
  const tarballs = values.linked ? {} : await packAll(join(work, 'tarballs'))
  for (const name of positionals.length > 0 ? positionals : packageFolders()) await tryReadme(name, tarballs)
} finally {
  if (values.keep) console.log(`Kept: ${work}`)
  else rmSync(work, { recursive: true, force: true })
}
if (table.length > 0) console.table(table)
if (problems.length > 0) {
  console.error(`Failed: ${problems.join('; ')}`)
  process.exit(1)
}

async function tryReadme(package_, tarballs) {
  const { path, blocks, programs, installs } = readReadme(package_)
  const scripts = programs.filter(({ file }) => !file)
  const files = programs.filter(({ file }) => file)
  const folder = join(work, package_)
  const ready = await step(`${path}: npm install ${installs.all.join(' ')}`, () =>
    values.linked ? linkWorkspace(folder) : installNames(package_, folder, installs.all, tarballs),
  )
  if (!ready) return
  await step(`${path}: types of ${scripts.length} programs`, () => {
    for (const program of scripts) writeProgram(folder, program)
    return typecheckFiles({ folder, files: scripts.map(fileOf), tsc })
  })
  for (const program of scripts) {
    await step(`${path}:${program.line} (${program.section}) runs`, () => runProgram(folder, program))
  }
  // A linked folder has no installed commands.
  for (const { line, section, text } of values.linked ? [] : blocks.filter(isShell)) {
    await step(`${path}:${line} (${section}) runs`, () => runShell(folder, text))
  }
  if (values.linked) return
  if (files.length > 0) await step(`${path}: next build`, () => tryFiles(package_, files, installs, tarballs))
  const row = { package: package_, programs: programs.length }
  table.push(row)
  if (scripts.length === 0) return
  await step(`${path}: first result within ${FIRST_RESULT} s`, async () => {
    const best = await timeFirst(package_, scripts[0], installs.first, tarballs)
    for (const [name, seconds] of Object.entries(best)) row[`${name}, s`] = Number(seconds.toFixed(1))
    if (best['first result'] <= FIRST_RESULT) return
    const [load] = loadavg()
    if (load <= availableParallelism()) throw new Error(`Took ${row['first result, s']} s`)
    console.log(
      `  It took ${row['first result, s']} s; not checked, since the machine is busy (load ${load.toFixed(1)}).`,
    )
  })
}

/**
 * Returns the seconds from an empty folder to the end of the first block; the best of a few, since the machine may be
 * busy.
 */
async function timeFirst(package_, program, names, tarballs) {
  let best
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const folder = join(work, `${package_}-first-${attempt}`)
    const from = performance.now()
    await installNames(package_, folder, names, tarballs, {})
    const installed = performance.now()
    await runProgram(folder, program)
    const ended = performance.now()
    const seconds = (ms) => ms / 1000
    const taken = {
      install: seconds(installed - from),
      'first block': seconds(ended - installed),
      'first result': seconds(ended - from),
    }
    if (!best || taken['first result'] < best['first result']) best = taken
    if (best['first result'] <= FIRST_RESULT) break
  }
  return best
}

/** True for a shell block that does more than install. */
function isShell({ language, text }) {
  return language === 'sh' && text.split('\n').some((line) => line.trim() !== '' && !/^(npm install|#)/.test(line))
}

async function tryFiles(package_, files, installs, tarballs) {
  const folder = join(work, `${package_}-app`)
  const beside = { ...FRAMEWORKS, ...TYPES, typescript: TYPESCRIPTS[6] }
  await installNames(package_, folder, installs.all, tarballs, beside)
  for (const program of files) writeProgram(folder, program)
  await typecheckFiles({ folder, files: files.map(fileOf), tsc })
  await buildApp(folder, files)
}

/**
 * Installs what `npm install <names>` would: ours from the tarballs, others at the versions that the workspace is
 * tested with.
 */
async function installNames(package_, folder, names, tarballs, beside = { ...TYPES }) {
  const { name } = manifestOf(package_)
  if (!names.includes(name)) throw new Error(`The README never says: npm install ${name}`)
  const others = names
    .filter((each) => each !== name)
    .map((each) => [each, tarballs[each] ? `file:${tarballs[each]}` : testedVersion(package_, each)])
  await install({ folder, name, tarballs, beside: { ...beside, ...Object.fromEntries(others) } })
}

function testedVersion(package_, name) {
  for (const home of [package_, ...packageFolders()]) {
    try {
      const path = join(root, 'packages', home, 'node_modules', name, 'package.json')
      return JSON.parse(readFileSync(path, 'utf8')).version
    } catch {
      // Continue: another package may be tested with it.
    }
  }
  throw new Error(`No package is tested with ${name}.`)
}
