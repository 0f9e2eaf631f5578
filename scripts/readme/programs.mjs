// Runs programs of READMEs as their readers would: as pasted, with the pinned Node.
import { mkdirSync, writeFileSync, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { pinnedNode, root } from '../lib/pnpm.mjs'
import { run } from '../packages/run.mjs'
import { fileOf, writeProgram } from './types.mjs'

/** Seconds after which a program counts as hung. */
const LIMIT = 120

const SERVICES = {
  async redis() {
    const { startRedis } = await import(pathToFileURL(join(root, 'packages/cache/dist/testing/index.js')).href)
    const server = await startRedis()
    return { env: { REDIS_URL: `redis://127.0.0.1:${server.port}` }, close: () => server.close() }
  },
  async posthog() {
    const { startPostHogServer } = await import(
      pathToFileURL(join(root, 'packages/analytics/dist/testing/index.js')).href
    )
    const server = await startPostHogServer({ key: 'phc_readme' })
    const env = { NEXT_PUBLIC_POSTHOG_KEY: 'phc_readme', NEXT_PUBLIC_POSTHOG_HOST: server.url }
    return { env, close: () => server.close() }
  },
}

/**
 * Runs a program; resolves with what it printed.
 * @param {string} folder where its packages are installed
 * @param {import('./blocks.mjs').Program} program
 * @throws Error when it fails, or does not end within its limit.
 */
export async function runProgram(folder, program) {
  const unknown = program.needs.filter((name) => !SERVICES[name])
  if (unknown.length > 0) throw new Error(`There is no service ${unknown.join(', ')} to start.`)
  const started = await Promise.all(program.needs.map((name) => SERVICES[name]()))
  try {
    const path = writeProgram(folder, program)
    if (program.page) return void (await bundled(folder, path, { bundlePackages: true }))
    const file = program.language === 'tsx' ? await bundled(folder, path) : path
    const env = Object.assign({}, ...started.map((service) => service.env))
    return await run(pinnedNode(), [file], { cwd: folder, env, seconds: LIMIT, stop: program.stop })
  } finally {
    await Promise.all(started.map((service) => service.close()))
  }
}

/** Bundles a program in JSX, which Node does not compile, and with `bundlePackages` one for a page. */
async function bundled(folder, path, { bundlePackages = false } = {}) {
  const esbuild = createRequire(join(root, 'packages/realtime/package.json'))('esbuild')
  const outfile = path.replace(/\.tsx?$/, '.mjs')
  await esbuild.build({
    entryPoints: [path],
    outfile,
    bundle: true,
    packages: bundlePackages ? 'bundle' : 'external',
    format: 'esm',
    platform: bundlePackages ? 'browser' : 'node',
    jsx: 'automatic',
    absWorkingDir: folder,
    logLevel: 'silent',
  })
  return outfile
}

/** Runs the lines of a shell block, with the installed commands on the PATH. */
export async function runShell(folder, text) {
  const path = [join(folder, 'node_modules', '.bin'), dirname(pinnedNode()), process.env.PATH].join(delimiter)
  return await run('bash', ['-euo', 'pipefail', '-c', text], { cwd: folder, env: { PATH: path }, seconds: LIMIT })
}

/** Builds the files of a README that belong to a Next.js app, with a page and a layout if it has none. */
export async function buildApp(folder, programs) {
  for (const program of programs) writeProgram(folder, program)
  const defaults = {
    'app/layout.tsx': `import type { ReactNode } from 'react'
export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  )
}
`,
    'app/page.tsx': `export default function Page() {
  return <p>Hello</p>
}
`,
  }
  for (const [name, text] of Object.entries(defaults)) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    if (!existsSync(path)) writeFileSync(path, text)
  }
  const next = join(folder, 'node_modules', 'next', 'dist', 'bin', 'next')
  await run(pinnedNode(), [next, 'build'], { cwd: folder, seconds: 240 })
  return programs.map(fileOf)
}
