// Checks the promises of READMEs: each `<!-- test: file > title -->` must name a test that exists and runs. Part of the
// title is enough.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolders } from '../lib/entries.mjs'
import { root } from '../lib/pnpm.mjs'
import { titlesOf } from '../lib/tests.mjs'

const REFERENCE = /<!--\s*test:\s*(\S+)\s+>\s+(.+?)\s*-->/g

const problems = []
let count = 0
const titles = new Map()
for (const package_ of packageFolders()) {
  const readme = `packages/${package_}/README.md`
  const text = readFileSync(join(root, readme), 'utf8')
  const wellFormed = [...text.matchAll(REFERENCE)]
  if (wellFormed.length !== text.split('<!-- test:').length - 1) {
    problems.push(`${readme}: write <!-- test: packages/…/file.test.ts > title -->, on one line.`)
  }
  for (const [, file, title] of wellFormed) {
    count++
    if (!existsSync(join(root, file))) problems.push(`${readme}: there is no ${file}.`)
    else if (!known(file).some((each) => each.includes(title)))
      problems.push(`${readme}: ${file} has no test “${title}”.`)
  }
}
for (const problem of problems) console.error(problem)
if (problems.length === 0) console.log(`${count} promises name their test.`)
process.exit(problems.length > 0 ? 1 : 0)

function known(file) {
  if (!titles.has(file)) titles.set(file, titlesOf(readFileSync(join(root, file), 'utf8'), file))
  return titles.get(file)
}
