import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pnpm, root } from './pnpm.mjs'

/** Installs the dependencies of the lockfile, unless exactly those are installed already. `say` tells that it takes a while. */
export async function install(say = console.log) {
  const stamp = join(root, '.cache', 'installed')
  const wanted = fingerprint()
  if (existsSync(join(root, 'node_modules')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return 0
  say('Installing dependencies …')
  const status = await pnpm(['install', '--frozen-lockfile', '--reporter=append-only'], { quiet: true })
  if (status === 0) {
    mkdirSync(join(root, '.cache'), { recursive: true })
    writeFileSync(stamp, wanted)
  }
  return status
}

/** Builds every package and the app; unchanged ones come from turbo's cache. */
export async function build() {
  console.log('Building …')
  return pnpm(['turbo', 'run', 'build', '--output-logs=errors-only'], { quiet: true })
}

function fingerprint() {
  const hash = createHash('sha256')
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json']
  for (const folder of ['packages', 'apps']) {
    for (const name of readdirSync(join(root, folder)).sort()) {
      if (existsSync(join(root, folder, name, 'package.json'))) files.push(`${folder}/${name}/package.json`)
    }
  }
  for (const file of files) hash.update(file).update(readFileSync(join(root, file)))
  return hash.digest('hex')
}
