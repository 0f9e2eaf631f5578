import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

/**
 * What a page loads first, as an application's bundler would leave it, without the vendor's SDK and React. What is
 * imported only when it is needed becomes a file of its own and is not counted.
 */
async function gzipped(contents: string): Promise<number> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    splitting: true,
    outdir: 'out',
    minify: true,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    conditions: ['@msc/source'],
    external: ['@supabase/supabase-js', 'react'],
    write: false,
    logLevel: 'silent',
  })
  // esbuild fails for a builtin of Node; what belongs to a server must not be here either.
  expect(Object.keys(metafile.inputs).filter((path) => /\/(ws|jose|re2js|server)\//.test(path))).toEqual([])
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
  return texts.reduce((sum, { text }) => sum + gzipSync(text, { level: 9 }).length, 0)
}

it.each([
  ['the client', `export { createRealtime } from './index.ts'`, 6],
  [
    'the client with its own driver',
    `export { createRealtime } from './index.ts'; export { embedded } from './drivers/embedded.ts'`,
    9,
  ],
  ['everything that a page can have', `export * from './index.ts'; export * from './react/index.tsx'`, 19.5],
])('%s is no larger than it says', async (name, contents, limit) => {
  const bytes = await gzipped(contents)
  console.log(`${name}: ${(bytes / 1024).toFixed(2)} KiB`)
  expect(bytes).toBeLessThanOrEqual(limit * 1024)
})
