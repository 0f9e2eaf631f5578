import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

/** As an application's bundler would leave it, without the vendor's SDK and React. */
async function gzipped(contents: string): Promise<number> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
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
  return gzipSync((outputFiles[0] as { text: string }).text, { level: 9 }).length
}

it.each([
  ['the client', `export { createRealtime } from './index.ts'`, 6],
  [
    'the client with its own driver',
    `export { createRealtime } from './index.ts'; export { embedded } from './drivers/embedded.ts'`,
    8.75,
  ],
  ['everything that a page can have', `export * from './index.ts'; export * from './react/index.tsx'`, 17.5],
])('%s is no larger than it says', async (name, contents, limit) => {
  const bytes = await gzipped(contents)
  console.log(`${name}: ${(bytes / 1024).toFixed(2)} KiB`)
  expect(bytes).toBeLessThanOrEqual(limit * 1024)
})
