// Builds the package in the current folder: JavaScript by tsup, declarations by tsc. `--javascript` leaves the declarations
// as they are, and what an older build wrote, which a running application may be about to load.
// The entry points are those that package.json exports under "@msc/source", so the list exists once.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { build } from 'tsup'

const javascriptOnly = process.argv.includes('--javascript')
const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const entry = {}
// `msc.files`: sources that stay files of their own. What the root exports must be in none of its own files, since an
// application's bundler decides by file what is loaded at once.
const { bin = {}, files = [] } = manifest.msc ?? {}
for (const target of [...Object.values(manifest.exports), ...Object.values(bin), ...files]) {
  const source = typeof target === 'string' ? target : target['@msc/source']
  if (!source?.startsWith('./src/')) continue
  entry[source.slice('./src/'.length).replace(/\.tsx?$/, '')] = source
}

/**
 * esbuild has a file import, for their side effects, all chunks that its sources lead to. Ours have none, and whoever bundles
 * the package would load them at once although nothing of them is used.
 */
const withoutBareImports = {
  name: 'without-bare-imports',
  // The lines stay, so that the source map does.
  renderChunk: (code) => ({ code: code.replace(/^import "\.[^"]*\/chunk-[^"]+";$/gm, '') }),
}

await build({
  entry,
  format: ['esm'],
  platform: 'neutral',
  target: 'es2023',
  splitting: true,
  treeshake: false,
  sourcemap: true,
  clean: !javascriptOnly,
  dts: false,
  silent: true,
  external: [/^node:/],
  plugins: manifest.sideEffects === false ? [withoutBareImports] : [],
  config: false,
})

if (javascriptOnly) process.exit(0)
const tsc = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' })
process.exit(tsc.status ?? 1)
