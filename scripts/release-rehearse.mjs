// `npm run release:rehearse` does the whole release on this machine. It versions a copy of the repository with
// changesets, publishes every package to a registry on loopback, installs them in an empty folder, and imports every
// entry point from ESM, from CommonJS and from TypeScript. It changes nothing here, and uses no other registry for
// @msc/*.
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pinnedNode, quietEnv, root } from './lib/pnpm.mjs'
import { freePort } from './lib/ports.mjs'

const work = mkdtempSync(join(tmpdir(), 'msc-release-'))
const copy = join(work, 'repository')
const consumer = join(work, 'consumer')
const bin = (name) => join(root, 'node_modules', '.bin', name)
let registry

try {
  copyRepository()
  registry = await startRegistry()
  version()
  publish()
  install()
  importEverything()
  console.log('The release works: versioned, published, installed, imported.')
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  registry?.kill()
  rmSync(work, { recursive: true, force: true })
}

/** Copies what git would commit and what has been built. */
function copyRepository() {
  const listed = run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  for (const file of listed.split('\0').filter((each) => each && existsSync(join(root, each)))) {
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    cpSync(join(root, file), join(copy, file))
  }
  for (const name of packageFolders()) {
    const dist = join(root, 'packages', name, 'dist')
    if (!existsSync(dist)) throw new Error(`packages/${name} has not been built. Run npm run build first.`)
    cpSync(dist, join(copy, 'packages', name, 'dist'), { recursive: true })
  }
  run('git', ['init', '--quiet', '--initial-branch', 'main'])
  run('git', ['add', '--all'])
  run('git', ['-c', 'user.name=rehearsal', '-c', 'user.email=rehearsal@localhost', 'commit', '--quiet', '-m', 'copy'])
  // Publishing replaces workspace:^ with the installed version.
  pnpm(['install', '--frozen-lockfile', '--prefer-offline', '--ignore-scripts', '--silent'])
}

async function startRegistry() {
  const port = await freePort()
  const config = join(work, 'verdaccio.yaml')
  writeFileSync(
    config,
    [
      `storage: ${join(work, 'storage')}`,
      'uplinks: {}',
      'packages:',
      "  '@msc/*': { access: $all, publish: $all }",
      'log: { type: stdout, level: error }',
      '',
    ].join('\n'),
  )
  const url = `http://127.0.0.1:${port}/`
  // npm does not publish without a token; this registry accepts any.
  const npmrc = `@msc:registry=${url}\n//127.0.0.1:${port}/:_authToken=rehearsal\n`
  mkdirSync(consumer, { recursive: true })
  for (const folder of [copy, consumer]) writeFileSync(join(folder, '.npmrc'), npmrc)
  const child = spawn(bin('verdaccio'), ['--config', config, '--listen', `127.0.0.1:${port}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...quietEnv },
  })
  for (const started = Date.now(); Date.now() - started < 30_000;) {
    const answer = await fetch(`${url}-/ping`).catch(() => undefined)
    if (answer?.ok) return child
    if (child.exitCode !== null) throw new Error('The registry ended at start.')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  child.kill()
  throw new Error('The registry did not answer within 30 s.')
}

function version() {
  const pending = readdirSync(join(copy, '.changeset')).filter((name) => name.endsWith('.md') && name !== 'README.md')
  if (pending.length === 0) console.log('No changeset is pending; publishing the versions as they are.')
  else run(bin('changeset'), ['version'])
  const names = packageFolders().map((name) => manifest(copy, name))
  console.log(`Versions: ${names.map(({ name, version }) => `${name}@${version}`).join(', ')}`)
}

function publish() {
  for (const name of packageFolders()) {
    pnpm(['publish', '--no-git-checks', '--access', 'restricted'], { cwd: join(copy, 'packages', name) })
  }
}

function install() {
  const dependencies = {}
  for (const name of packageFolders()) {
    const { name: full, version, peerDependencies = {}, devDependencies = {} } = manifest(copy, name)
    dependencies[full] = version
    // All optional peers, at the tested versions, so that every entry point can be imported.
    for (const peer of Object.keys(peerDependencies)) dependencies[peer] = installedVersion(name, peer, devDependencies)
  }
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true, dependencies }))
  run('npm', ['install', '--no-fund', '--no-audit', '--ignore-scripts', '--prefer-offline'], { cwd: consumer })
}

function importEverything() {
  const entries = packageFolders().flatMap((folder) => {
    const { name, exports } = JSON.parse(
      readFileSync(join(consumer, 'node_modules', '@msc', folder, 'package.json'), 'utf8'),
    )
    const stale = Object.values(exports).filter((target) => typeof target === 'object' && '@msc/source' in target)
    if (stale.length > 0) throw new Error(`${name} was published with exports that point at its sources.`)
    return Object.entries(exports)
      .filter(([, target]) => typeof target === 'object')
      .map(([path]) => name + path.slice(1))
  })
  const list = JSON.stringify(entries)
  // Conformance suites import vitest, which only works inside a test run.
  const check = `if (Object.keys(module).length === 0) throw new Error(entry + ' exports nothing')`
  writeFileSync(
    join(consumer, 'esm.mjs'),
    `for (const entry of ${list}) { const module = await import(entry); ${check} }\n`,
  )
  writeFileSync(join(consumer, 'cjs.cjs'), `for (const entry of ${list}) { const module = require(entry); ${check} }\n`)
  writeFileSync(
    join(consumer, 'types.ts'),
    `${entries.map((entry, index) => `import * as entry${index} from '${entry}'`).join('\n')}\nexport const all = [${entries.map((_, index) => `entry${index}`).join(', ')}]\n`,
  )
  writeFileSync(
    join(consumer, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        target: 'es2023',
        lib: ['es2023', 'dom'],
        strict: true,
        noEmit: true,
        types: ['node'],
        typeRoots: [join(root, 'node_modules', '@types')],
        jsx: 'react-jsx',
        skipLibCheck: true,
      },
      include: ['types.ts'],
    }),
  )
  run(pinnedNode(), ['esm.mjs'], { cwd: consumer })
  console.log(`✓ ${entries.length} entry points from ESM`)
  run(pinnedNode(), ['cjs.cjs'], { cwd: consumer })
  console.log(`✓ ${entries.length} entry points from CommonJS`)
  run(bin('tsc'), ['-p', '.'], { cwd: consumer })
  console.log(`✓ ${entries.length} entry points from TypeScript`)
}

function packageFolders() {
  return readdirSync(join(root, 'packages')).filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
}

function manifest(from, name) {
  return JSON.parse(readFileSync(join(from, 'packages', name, 'package.json'), 'utf8'))
}

function installedVersion(folder, peer, devDependencies) {
  const path = join(root, 'packages', folder, 'node_modules', peer, 'package.json')
  if (!existsSync(path))
    throw new Error(`packages/${folder} does not test with its peer ${peer} (${devDependencies[peer]}).`)
  return JSON.parse(readFileSync(path, 'utf8')).version
}

function pnpm(args, options) {
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return run('npx', ['-y', packageManager, ...args], options)
}

/** Runs a command in the copy; returns what it printed. @throws Error with all of its output. */
function run(command, args, { cwd = copy } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, ...quietEnv },
  })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}${error ?? ''}`)
  return stdout
}
