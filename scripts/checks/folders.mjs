// Fails where a folder holds more source files than a newcomer can take in at a glance: shelve them by idea, in folders with a
// name. Tests are not counted, as they stand beside what they test.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../lib/pnpm.mjs'

const MOST = 15
/** Folders that are still larger. The numbers may fall, never rise. */
const KNOWN = {
  'packages/cache/src': 47,
  'packages/jobs/src': 34,
}

const SOURCE = /(?<!\.(?:test|spec|d))\.(?:ts|tsx|mjs)$/
const FOREIGN = new Set(['node_modules', 'dist', '.next', '.turbo'])
const counts = new Map()

function visit(folder) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) {
      if (!FOREIGN.has(entry.name)) visit(path)
    } else if (SOURCE.test(entry.name)) {
      counts.set(folder, (counts.get(folder) ?? 0) + 1)
    }
  }
}
for (const top of ['packages', 'apps', 'scripts']) visit(top)

let failed = false
const fail = (message) => {
  console.error(message)
  failed = true
}
for (const [folder, count] of counts) {
  const most = KNOWN[folder] ?? MOST
  if (count > most) fail(`${folder} holds ${count} source files, more than ${most}: shelve them by idea.`)
}
for (const [folder, most] of Object.entries(KNOWN)) {
  const count = counts.get(folder) ?? 0
  if (count < most) fail(`${folder} holds ${count} source files by now: say so in scripts/checks/folders.mjs.`)
}
process.exit(failed ? 1 : 0)
