// Checks rules that the linter does not have. A vendor's SDK is imported only inside drivers/ and framework entry
// points. An optional peer is imported in a `try` that awaits it, or bundlers refuse to build an application without
// it. An entry point that promises to run anywhere imports no Node builtin, directly or through its own files.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { importsOf } from '../lib/ast.mjs'
import { entriesOf, manifestOf, packageFolders, vendors } from '../lib/entries.mjs'

const VENDOR_ALLOWED = /\/drivers\/|\/stores\/|\/testing\/|\/__fixtures__\/|\.test\.tsx?$|\/e2e\/|^apps\/bench\//
/** Entry points that exist for one library, which they or their types import. */
const FRAMEWORK = new Map([['packages/cache/src/ai-sdk.ts', 'ai']])
const NOT_SHIPPED = /\.test\.tsx?$|\/testing\/|\/__fixtures__\//

const problems = []
const sdks = new Set([...vendors(), ...['@sentry/', '@supabase/', 'posthog-', 'redis'].flatMap(installed)])
const imports = new Map(
  ['packages', 'apps'].flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .map((file) => join(folder, file))
      .filter((file) => /\.tsx?$/.test(file) && !/node_modules|\/dist\/|\/\.next\//.test(file))
      .map((file) => [file, importsOf(readFileSync(file, 'utf8'), file)]),
  ),
)

/**
 * Returns dependencies of any package or app that begin with `prefix`: SDKs that tests use without their being a peer.
 */
function installed(prefix) {
  return packageFolders().flatMap((folder) =>
    Object.keys(manifestOf(folder).devDependencies ?? {}).filter((name) => name.startsWith(prefix)),
  )
}
const packageOf = (name) =>
  name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')

for (const [file, found] of imports) {
  const [, folder] = /^packages\/([^/]+)\//.exec(file) ?? []
  const peers = folder === undefined ? [] : Object.keys(manifestOf(folder).peerDependencies ?? {})
  for (const { name, lazy, tried, typeOnly, line } of found) {
    const package_ = packageOf(name)
    if (sdks.has(package_) && !VENDOR_ALLOWED.test(file) && FRAMEWORK.get(file) !== package_) {
      problems.push(`${file}:${line} imports ${name} outside drivers/`)
    }
    if (lazy && !tried && !typeOnly && !NOT_SHIPPED.test(file) && peers.includes(package_)) {
      problems.push(
        `${file}:${line} imports the optional peer ${name} outside a \`try\` that awaits it, so that bundlers require it (see lazyPeer)`,
      )
    }
  }
}

for (const entry of packageFolders().flatMap(entriesOf)) {
  if (entry.node) continue
  const seen = new Set()
  const visit = (file, trail) => {
    if (seen.has(file) || !existsSync(file)) return
    seen.add(file)
    for (const { name, typeOnly, lazy } of imports.get(file) ?? []) {
      if (typeOnly || lazy) continue
      if (name.startsWith('node:'))
        problems.push(`${entry.source} reaches ${name} through ${[...trail, file].join(' → ')}`)
      else if (name.startsWith('.')) visit(normalize(join(dirname(file), name)), [...trail, file])
    }
  }
  visit(entry.source, [])
}
for (const problem of problems) console.error(problem)
process.exit(problems.length > 0 ? 1 : 0)
