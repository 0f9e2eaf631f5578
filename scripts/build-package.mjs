// Builds the package in the current folder: JavaScript by tsup, declarations by tsc. `--javascript` leaves the declarations
// as they are, and what an older build wrote, which a running application may be about to load.
// The entry points are those that package.json exports under "@msc/source", so the list exists once.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { build } from 'tsup'

const javascriptOnly = process.argv.includes('--javascript')
const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const entry = {}
for (const target of [...Object.values(manifest.exports), ...Object.values(manifest.msc?.bin ?? {})]) {
  const source = typeof target === 'string' ? target : target['@msc/source']
  if (!source?.startsWith('./src/')) continue
  entry[source.slice('./src/'.length).replace(/\.tsx?$/, '')] = source
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
  config: false,
})

if (javascriptOnly) process.exit(0)
const tsc = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' })
process.exit(tsc.status ?? 1)
