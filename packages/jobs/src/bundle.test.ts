import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build, type BuildOptions } from 'esbuild'
import { afterAll, expect, it } from 'vitest'

const SRC = fileURLToPath(new URL('.', import.meta.url))

/** As an application's bundler leaves it, with all dependencies inside but Inngest's SDK, `pg` and Node. */
const options = (contents: string): BuildOptions & { metafile: true } => ({
  stdin: { contents, resolveDir: SRC, loader: 'ts' },
  bundle: true,
  splitting: true,
  metafile: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  target: 'es2023',
  conditions: ['@msc/source'],
  external: ['inngest', 'inngest/*', 'pg', 'node:*'],
  logLevel: 'silent',
})

/** Bytes, compressed, of what is loaded before anything is called. */
async function bytesAtOnce(contents: string): Promise<number> {
  const { outputFiles, metafile } = await build({ ...options(contents), minify: true, outdir: 'out', write: false })
  const [entry] = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === '<stdin>') ?? []
  const first = new Set<string>()
  const visit = (path: string): void => {
    if (first.has(path)) return
    first.add(path)
    for (const each of metafile.outputs[path]?.imports ?? []) {
      if (each.kind === 'import-statement' && !each.external) visit(each.path)
    }
  }
  visit(entry as string)
  const texts = outputFiles.filter(({ path }) => [...first].some((each) => path.endsWith(each)))
  expect(texts).toHaveLength(first.size)
  return texts.reduce((sum, { text }) => sum + gzipSync(text).length, 0)
}

it.each([
  ['sendEvent', 1],
  ['triggerAIJob', 1],
  // The engine, with what redacts its log; no driver and no store.
  ['configureJobs', 44],
])('%s alone costs no more than it says', async (name, limit) => {
  const bytes = await bytesAtOnce(`export { ${name} } from './index.ts'`)
  console.log(`${name}: ${(bytes / 1024).toFixed(2)} KiB gz`)
  expect(bytes).toBeLessThanOrEqual(limit * 1024)
})

let folder: string | undefined
afterAll(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

it('evaluates only what an event needs that is sent', async () => {
  folder = await mkdtemp(join(tmpdir(), 'msc-jobs-bundle-'))
  const script = `
    import { configureJobs, getDefaultJobs, sendEvent } from './index.ts'
    configureJobs({ jobs: [], events: ['a/b'] })
    const { ids } = await sendEvent('a/b', {})
    await getDefaultJobs().close()
    console.log(JSON.stringify({ sent: ids.length, evaluated: globalThis.evaluated }))
  `
  await build({
    ...options(script),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    plugins: [
      {
        name: 'say-what-is-evaluated',
        setup(building) {
          building.onLoad({ filter: /\.[mc]?[jt]s$/ }, async ({ path }) => ({
            contents: `(globalThis.evaluated ??= []).push(${JSON.stringify(relative(SRC, path))})\n${await readFile(path, 'utf8')}`,
            loader: path.endsWith('.ts') ? 'ts' : 'js',
          }))
        },
      },
    ],
  })
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'stdin.mjs')], {
    env: { MSC_QUIET: '1' },
  })
  const { sent, evaluated } = JSON.parse(stdout) as { sent: number; evaluated: string[] }
  expect(sent).toBe(1)
  expect(evaluated).toContain('stores/memory.ts')
  // What reads a backend's variables is there for all of them.
  const loaded = evaluated.filter((path) => !/-(?:from-env|address)\.ts$/.test(path))
  expect(
    loaded.filter((path) => /zod|croner|inngest|postgres|sqlite|^platform\/|schedule|define-job/.test(path)),
  ).toEqual([])
})
