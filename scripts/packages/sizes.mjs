// Measures what an application downloads for an entry point: minified and compressed, with @msc/core and everything
// else that is loaded at once, but without what is loaded on first use. The limits are in sizes.json beside this file.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { vendors } from '../lib/entries.mjs'

const FILE = join(import.meta.dirname, 'sizes.json')

/** Functions that are also measured alone, as if an application used nothing else of the package. */
const ALONE = {
  '@msc/monitoring': ['captureException', 'addBreadcrumb'],
  '@msc/cache': ['cache', 'rateLimit'],
  '@msc/analytics': ['trackServerEvent'],
  '@msc/jobs': ['sendEvent', 'defineJob'],
  '@msc/realtime': ['createRealtime', 'subscribeToNotifications'],
  '@msc/cron': ['defineCron'],
  '@msc/core': ['duration'],
}

/**
 * @param {{ folder: string, entries: any[], tools: any }} options
 * @returns {Promise<Record<string, number>>} bytes by entry point, and by `name#function`
 */
export async function measure({ folder, entries, tools }) {
  const sizes = {}
  for (const entry of entries.filter(({ path }) => !path.startsWith('./testing'))) {
    sizes[entry.name] = await bytesOf(`export * from '${entry.name}'`, entry.node, folder, tools)
    if (entry.path !== '.') continue
    for (const each of ALONE[entry.name] ?? []) {
      sizes[`${entry.name}#${each}`] = await bytesOf(
        `export { ${each} } from '${entry.name}'`,
        entry.node,
        folder,
        tools,
      )
    }
  }
  return sizes
}

async function bytesOf(contents, node, folder, tools) {
  const { outputFiles, metafile } = await tools.require('esbuild').build({
    absWorkingDir: folder,
    stdin: { contents, resolveDir: folder },
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    platform: node ? 'node' : 'neutral',
    mainFields: ['module', 'main'],
    conditions: node ? [] : ['browser'],
    external: [...vendors(), 'react', 'react/*', 'node:*'],
    outdir: 'out/size',
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  const text = new Map(outputFiles.map(({ path, contents: bytes }) => [path, bytes]))
  const seen = new Set()
  const visit = (path) => {
    if (seen.has(path)) return
    seen.add(path)
    for (const { path: next, kind, external } of metafile.outputs[path].imports) {
      if (kind === 'import-statement' && !external) visit(next)
    }
  }
  visit(Object.keys(metafile.outputs).find((path) => path.endsWith('/stdin.js')))
  return [...seen].reduce((sum, path) => sum + gzipSync(text.get(join(folder, path))).length, 0)
}

/** Prints the table with `print`; returns the entry points that exceed their limit or have none. */
export function compare(sizes, print = console.log) {
  const limits = JSON.parse(readFileSync(FILE, 'utf8'))
  const problems = []
  for (const [name, bytes] of Object.entries(sizes)) {
    const limit = limits[name]
    const over = limit === undefined || bytes > limit
    print(`  ${over ? '✗' : '✓'} ${name.padEnd(52)} ${kib(bytes)} of ${limit === undefined ? 'no limit' : kib(limit)}`)
    if (over)
      problems.push(`${name} takes ${bytes} bytes; its limit in scripts/packages/sizes.json is ${limit ?? 'missing'}`)
  }
  return problems
}

/**
 * Writes new limits, 5 % above the measured sizes, for entry points that exceed theirs or have none; others keep
 * theirs.
 */
export function writeLimits(sizes) {
  const limits = JSON.parse(readFileSync(FILE, 'utf8'))
  const next = Object.fromEntries(
    Object.entries(sizes).map(([name, bytes]) => [
      name,
      limits[name] >= bytes ? limits[name] : Math.ceil((bytes * 1.05) / 64) * 64,
    ]),
  )
  writeFileSync(FILE, `${JSON.stringify(next, undefined, 2)}\n`)
}

const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`.padStart(10)
