// Type-checks a file that imports a package's entry points, as strictly as a consumer may, libraries included.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pinnedNode } from '../lib/pnpm.mjs'
import { importAll } from './bundles.mjs'
import { run } from './run.mjs'

const FROM = /(?:from\s+|import\()['"]([^'"]+)['"]/g

/**
 * Returns the packages that an entry point's declarations name, including its own.
 * @param {string} folder where the package is installed
 * @param {{ name: string, path: string }} entry
 */
export function namedInTypes(folder, entry) {
  const home = join(folder, 'node_modules', ...entry.name.split('/').slice(0, 2))
  const { exports } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  const seen = new Set()
  const names = new Set()
  const visit = (file) => {
    if (seen.has(file) || !existsSync(file)) return
    seen.add(file)
    for (const [, from] of readFileSync(file, 'utf8').matchAll(FROM)) {
      if (from.startsWith('.')) visit(join(dirname(file), from.replace(/\.[jt]sx?$/, '.d.ts')))
      else
        names.add(
          from
            .split('/')
            .slice(0, from.startsWith('@') ? 2 : 1)
            .join('/'),
        )
    }
  }
  visit(join(home, exports[entry.path].types))
  return names
}

/**
 * @param {{ folder: string, entries: any[], tools: any, versions: string[], page?: boolean, withPeers?: boolean }}
 *   options `page`: without the types of Node, as in a page's project. `withPeers`: vendors' packages are installed,
 *   not all of whose declarations pass this strictly; then only errors in ours count.
 */
export async function typecheck({ folder, entries, tools, versions, page = false, withPeers = false }) {
  if (entries.length === 0) return
  const name = page ? 'types-page' : 'types'
  writeFileSync(join(folder, `${name}.ts`), importAll(entries))
  writeFileSync(
    join(folder, `${name}.json`),
    JSON.stringify({
      compilerOptions: {
        ...(page ? { module: 'esnext', moduleResolution: 'bundler' } : { module: 'nodenext' }),
        target: 'es2023',
        lib: page ? ['es2023', 'dom', 'dom.iterable'] : ['es2023'],
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
        types: page ? [] : ['node'],
      },
      files: [`${name}.ts`],
    }),
  )
  for (const version of versions) {
    const where = `TypeScript ${version}${page ? ' in a page' : ''}`
    try {
      await run(pinnedNode(), [tools.tsc(version), '--pretty', 'false', '-p', `${name}.json`], {
        cwd: folder,
        seconds: 120,
      })
    } catch (error) {
      const ours = errorsOfOurs(error.message)
      if (withPeers && ours.length === 0 && /error TS\d+/.test(error.message)) continue
      throw new Error(`${where}:\n${withPeers && ours.length > 0 ? ours.join('\n') : error.message}`, { cause: error })
    }
  }
}

/** Returns the lines with an error, except those in declarations of packages that are not ours. */
function errorsOfOurs(output) {
  return output
    .split('\n')
    .filter((line) => /error TS\d+/.test(line) && !/^(?:\.\.\/)*node_modules\/(?!@msc\/)/.test(line))
}
