// Builds the package in the current folder: JavaScript with tsup, declarations with tsc. `--javascript` keeps the
// declarations and the files of an older build, which a running application may be about to load. The entry points are
// those that package.json exports under "@msc/source", so that the list exists once.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { build } from 'tsup'

const javascriptOnly = process.argv.includes('--javascript')
const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const entry = {}
// `msc.files` lists sources that stay separate files. The root's exports must not be in any of them, since an
// application's bundler decides by file what is loaded at once.
const { bin = {}, files = [] } = manifest.msc ?? {}
for (const target of [...Object.values(manifest.exports), ...Object.values(bin), ...files]) {
  const source = typeof target === 'string' ? target : target['@msc/source']
  if (!source?.startsWith('./src/')) continue
  entry[source.slice('./src/'.length).replace(/\.tsx?$/, '')] = source
}

/**
 * esbuild makes a file import all chunks that its sources lead to, for their side effects. Ours have none, and an
 * application's bundler would load them at once although it uses nothing of them.
 */
const withoutBareImports = {
  name: 'without-bare-imports',
  // The empty lines stay, so that the source map still fits.
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
