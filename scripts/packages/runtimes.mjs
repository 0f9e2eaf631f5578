// Imports the entry points of a package on each runtime, in a folder where no optional peer is installed.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { importAll } from './bundles.mjs'
import { run } from './run.mjs'

/** Imports on Node 22, 24 and 26, Bun and Deno. */
export async function importOnRuntimes({ folder, entries, tools }) {
  const names = entries.filter((entry) => entry.needs.length === 0).map((entry) => entry.name)
  writeFileSync(
    join(folder, 'import.mjs'),
    `for (const name of ${JSON.stringify(names)}) {
  const module = await import(name)
  if (Object.keys(module).length === 0) throw new Error(name + ' exports nothing')
}
`,
  )
  for (const [name, [command, ...args]] of Object.entries(tools.runtimes)) {
    try {
      await run(command, [...args, 'import.mjs'], { cwd: folder, seconds: 60 })
    } catch (error) {
      throw new Error(`On ${name}: ${error.message}`, { cause: error })
    }
  }
}

/** Imports the entry points that promise to run anywhere on workerd, which has no Node builtins. */
export async function importOnWorkerd({ folder, entries, tools }) {
  const anywhere = entries.filter((entry) => !entry.node && entry.needs.length === 0)
  if (anywhere.length === 0) return
  const source = `${importAll(anywhere)}
export default { fetch: () => Response.json(all.map((each) => Object.keys(each).length)) }
`
  writeFileSync(join(folder, 'worker.mjs'), source)
  const { outputFiles } = await tools.require('esbuild').build({
    absWorkingDir: folder,
    entryPoints: ['worker.mjs'],
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'browser'],
    write: false,
    logLevel: 'silent',
  })
  const { Miniflare } = tools.require('miniflare')
  // Passed as a module: workerd refuses a script with an import of an optional peer, even one that never runs.
  const modules = [{ type: 'ESModule', path: 'worker.mjs', contents: outputFiles[0].text }]
  const runtime = new Miniflare({ modules, compatibilityDate: '2026-06-01' })
  try {
    const response = await runtime.dispatchFetch('http://localhost/')
    const counts = await response.json()
    const empty = anywhere.filter((_, index) => !(counts[index] > 0))
    if (empty.length > 0) throw new Error(`${empty.map(({ name }) => name).join(', ')} export nothing on workerd`)
  } finally {
    await runtime.dispose()
  }
}
