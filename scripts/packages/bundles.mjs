// Builds a file that imports a package's entry points with each bundler, in a folder where no optional peer is
// installed.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { pinnedNode } from '../lib/pnpm.mjs'
import { FRAMEWORKS, TYPES } from './tools.mjs'
import { run } from './run.mjs'

/** Applications do not bundle tests of drivers, wire-level servers and commands. */
const forApplications = (entry) => !/^\.\/(?:testing|cli)\b/.test(entry.path)

/** Returns the source of a module that uses every export of the entry points. */
export function importAll(entries) {
  return `${entries.map((entry, index) => `import * as m${index} from '${entry.name}'`).join('\n')}
export const all = [${entries.map((_, index) => `m${index}`).join(', ')}]
`
}

/**
 * Bundles with esbuild, webpack and Vite, for servers and for pages.
 * @param {{ folder: string, entries: import('../lib/entries.mjs').entriesOf extends (folder: string) => infer R ? R :
 *   never, tools: any }} options
 */
export async function bundle({ folder, entries, tools }) {
  for (const target of writeTargets(folder, entries)) {
    await withEsbuild(folder, target, tools)
    await withWebpack(folder, target, tools)
    await withVite(folder, target, tools)
  }
}

/** The same with esbuild alone, for the slice that is part of `npm test`. */
export async function bundleWithEsbuild({ folder, entries, tools }) {
  for (const target of writeTargets(folder, entries)) await withEsbuild(folder, target, tools)
}

/** Writes what is bundled; a package that runs on Node alone has no page. */
function writeTargets(folder, entries) {
  const server = entries.filter((entry) => forApplications(entry) && entry.needs.length === 0)
  const page = server.filter((entry) => !entry.node)
  writeFileSync(join(folder, 'server.mjs'), importAll(server))
  writeFileSync(join(folder, 'page.mjs'), importAll(page))
  return page.length > 0 ? ['server', 'page'] : ['server']
}

async function withEsbuild(folder, target, tools) {
  const esbuild = tools.require('esbuild')
  await esbuild.build({
    absWorkingDir: folder,
    entryPoints: [`${target}.mjs`],
    bundle: true,
    format: 'esm',
    splitting: true,
    platform: target === 'server' ? 'node' : 'browser',
    outdir: `out/esbuild-${target}`,
    logLevel: 'silent',
  })
}

function withWebpack(folder, target, tools) {
  const webpack = tools.require('webpack')
  return new Promise((resolve, reject) => {
    webpack(
      {
        context: folder,
        mode: 'production',
        entry: `./${target}.mjs`,
        target: target === 'server' ? 'node22' : 'web',
        experiments: { outputModule: true },
        output: { path: join(folder, `out/webpack-${target}`), library: { type: 'module' } },
        optimization: { minimize: false },
      },
      (error, stats) => {
        const errors = stats?.toJson({ all: false, errors: true }).errors ?? []
        if (error) reject(error)
        else if (errors.length > 0)
          reject(new Error(errors.map((each) => `${each.moduleName}: ${each.message}`).join('\n')))
        else resolve()
      },
    )
  })
}

async function withVite(folder, target, tools) {
  const vite = await import(pathToFileURL(tools.require.resolve('vite')).href)
  const said = []
  await vite.build({
    root: folder,
    configFile: false,
    logLevel: 'warn',
    customLogger: {
      ...vite.createLogger('silent'),
      warn: (message) => said.push(message),
      warnOnce: (message) => said.push(message),
    },
    build: {
      outDir: `out/vite-${target}`,
      emptyOutDir: true,
      minify: false,
      ...(target === 'server' ? { ssr: 'server.mjs' } : { lib: { entry: 'page.mjs', formats: ['es'] } }),
    },
    ...(target === 'server' && { ssr: { noExternal: true } }),
  })
  // Vite replaces a builtin with an empty module, which only fails in a page at run time.
  const builtin = said.filter((message) => /externalized for browser compatibility/.test(message))
  if (target === 'page' && builtin.length > 0) throw new Error(builtin.join('\n'))
}

/**
 * Runs `next build` with a route handler, a page and a client component that import the package.
 * @param {{ folder: string, entries: any[] }} options `folder` has the package in its `node_modules`, its parent has
 *   Next.js.
 */
export async function buildWithNext({ folder, entries }) {
  const server = entries.filter((entry) => forApplications(entry))
  const page = server.filter((entry) => !entry.node && !/\/next(\/|$)/.test(entry.path))
  const files = {
    'next.config.mjs': `import { dirname } from 'node:path'
export default { turbopack: { root: dirname(import.meta.dirname) } }
`,
    'app/layout.jsx': `export default function Layout({ children }) { return <html lang="en"><body>{children}</body></html> }
`,
    'app/page.jsx': `import { Client } from './client.jsx'
export default function Page() { return <Client /> }
`,
    'app/client.jsx': `'use client'
${importAll(page)}
export function Client() { return <p>{all.length}</p> }
`,
    'app/api/all/route.js': `${importAll(server)}
export const dynamic = 'force-dynamic'
export function GET() { return Response.json(all.map((each) => Object.keys(each))) }
`.replace('export const all', 'const all'),
  }
  mkdirSync(join(folder, 'app', 'api', 'all'), { recursive: true })
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text)
  const next = join(folder, '..', 'node_modules', 'next', 'dist', 'bin', 'next')
  await run(pinnedNode(), [next, 'build'], { cwd: folder, seconds: 240 })
}

/** Installs Next.js and React for the projects below `folder`. */
export async function installNext(folder) {
  mkdirSync(folder, { recursive: true })
  const dependencies = { ...FRAMEWORKS, '@types/react': TYPES['@types/react'] }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'projects', private: true, dependencies }))
  await run('npm', ['install', '--no-fund', '--no-audit', '--ignore-scripts', '--prefer-offline'], { cwd: folder })
}
