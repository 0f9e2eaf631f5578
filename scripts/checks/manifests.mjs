// Checks that each package's manifest has what publishing needs. `--write` derives publishConfig.exports from exports.
import { readFileSync, readdirSync, writeFileSync, existsSync } from 'node:fs'

const write = process.argv.includes('--write')
const problems = []
for (const name of readdirSync('packages')) {
  const path = `packages/${name}/package.json`
  if (!existsSync(path)) continue
  const manifest = JSON.parse(readFileSync(path, 'utf8'))

  const published = {}
  for (const [key, target] of Object.entries(manifest.exports)) {
    if (typeof target === 'string') {
      published[key] = target
      continue
    }
    const { '@msc/source': source, ...rest } = target
    if (!source || !existsSync(`packages/${name}/${source}`)) problems.push(`${path}: ${key} names no source file`)
    published[key] = rest
  }
  const stale = JSON.stringify(published) !== JSON.stringify(manifest.publishConfig.exports)
  if (stale && write) {
    manifest.publishConfig.exports = published
    writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`)
  } else if (stale) {
    problems.push(`${path}: publishConfig.exports is stale; run node scripts/checks/manifests.mjs --write`)
  }
  for (const peer of Object.keys(manifest.peerDependencies ?? {})) {
    if (!manifest.peerDependenciesMeta?.[peer]?.optional) problems.push(`${path}: peer ${peer} is not optional`)
  }
  for (const file of ['README.md', 'tsconfig.build.json']) {
    if (!existsSync(`packages/${name}/${file}`)) problems.push(`packages/${name}: no ${file}`)
  }
}
for (const problem of problems) console.error(problem)
process.exit(problems.length > 0 ? 1 : 0)
