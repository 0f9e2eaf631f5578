// Lists the entry points of each package and where each promises to run, for the lint, the package tests and the sizes.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { root } from './pnpm.mjs'

/** Entry points that may use Node builtins, because they run only on Node. */
const NODE_ONLY =
  /\/testing\/|\/server\/|\/devtools\/|\/platform\/|\/cli|drivers\/embedded|stores\/sqlite|\/ingest\/|\/analytics\/src\/wire/
/** Peers that an entry point is written for; an application that imports it has them. */
const FOR = [
  { pattern: /\/react\//, needs: ['react'] },
  { pattern: /\/testing\/conformance\//, needs: ['vitest'] },
]

/** Returns the folders under `packages/` that contain a package. */
export function packageFolders() {
  return readdirSync(join(root, 'packages')).filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
}

/** Returns a package's manifest. */
export function manifestOf(folder) {
  return JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))
}

/**
 * Returns every entry point of a package.
 * @param {string} folder
 * @returns {{ name: string, path: string, source: string, node: boolean, needs: string[] }[]} `node`: runs only on
 *   Node; `needs`: peers without which it can't be imported.
 */
export function entriesOf(folder) {
  const { name, exports } = manifestOf(folder)
  return Object.entries(exports)
    .filter(([, target]) => typeof target === 'object')
    .map(([path, target]) => {
      const source = normalize(`packages/${folder}/${target['@msc/source']}`)
      const needs = FOR.filter(({ pattern }) => pattern.test(source)).flatMap((each) => each.needs)
      return { name: name + path.slice(1), path, source, node: NODE_ONLY.test(`/${source}`), needs }
    })
}

/**
 * Returns the optional peers of all packages, except frameworks that an application always has: vendors' SDKs and
 * clients.
 */
export function vendors() {
  const frameworks = new Set(['react', 'vitest', 'next'])
  const peers = packageFolders().flatMap((folder) => Object.keys(manifestOf(folder).peerDependencies ?? {}))
  return [...new Set(peers)].filter((name) => !frameworks.has(name))
}
