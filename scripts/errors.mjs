// Writes docs/errors.md, the codes of all errors that the packages throw, from the sources. `--check` only compares.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorsMadeIn } from './lib/error-codes.mjs'
import { manifestOf, packageFolders } from './lib/entries.mjs'
import { root } from './lib/pnpm.mjs'
import { REMEDIES } from './lib/remedies.mjs'

const PAGE = 'docs/errors.md'
/** How many messages of one code are listed; a code with more describes a kind of error. */
const MOST = 3
const INTRODUCTION = `# Error codes

Every error that a package throws on purpose is an \`MscError\`. Its \`code\` never changes its meaning, \`retryable\` says
whether the same call could succeed later with nothing changed. Where an error has a \`hint\`, it says what to do; the last
column says it for all. Messages name what is known at
run time only, here in braces. \`CONFIG_INVALID\`, \`VALIDATION_FAILED\`, \`DRIVER_FAILED\` and \`UNAVAILABLE\` are what an error of
that class has when it has no code of its own; codes of @msc/core come from every package.

Written by \`node scripts/errors.mjs\` from the sources.
`
const HEAD = `| code | means | does a retry help? | what to do |
|---|---|---|---|
`

const missing = []
const unused = new Set(Object.keys(REMEDIES))
const page = pageOf()
const path = join(root, PAGE)
if (missing.length > 0) fail(`say what to do, in a hint or in scripts/lib/remedies.mjs: ${missing.join(', ')}`)
if (unused.size > 0)
  fail(`scripts/lib/remedies.mjs has remedies for no error without a hint: ${[...unused].join(', ')}`)
if (!process.argv.includes('--check')) writeFileSync(path, page)
else if (readFileSync(path, 'utf8') !== page) fail(`${PAGE} is stale; run node scripts/errors.mjs`)

function fail(message) {
  console.error(message)
  process.exit(1)
}

function pageOf() {
  const sections = packageFolders().map((package_) => {
    const rows = rowsOf(package_, errorsMadeIn(sourcesOf(package_)))
    return rows.length === 0 ? '' : `\n## ${manifestOf(package_).name}\n\n${HEAD}${rows.join('\n')}\n`
  })
  return `${INTRODUCTION}${sections.join('')}`
}

/** Returns the published sources, without those that only tests use. */
function sourcesOf(package_) {
  const folder = join('packages', package_, 'src')
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => /\.tsx?$/.test(name) && !/\.test\.|__fixtures__|(?:^|\/)testing\//.test(name))
    .toSorted()
    .map((name) => join(folder, name))
    .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))
}

function rowsOf(package_, made) {
  const codes = [...new Set(made.map(({ code }) => code))].toSorted()
  return codes.map((code) => {
    const errors = made.filter((each) => each.code === code)
    const cells = [
      `\`${code}\``,
      several(errors.flatMap(({ meanings }) => meanings.map(sentence))),
      retryOf(errors),
      several(errors.map(({ hint }) => hint && escaped(hint))) || escaped(remedyOf(package_, code)),
    ]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
}

/** Returns what to do where no error of this code has a hint. */
function remedyOf(package_, code) {
  const key = [`${package_} ${code}`, code].find((each) => Object.hasOwn(REMEDIES, each))
  if (key === undefined) {
    missing.push(`${code} of @msc/${package_}`)
    return ''
  }
  unused.delete(key)
  return REMEDIES[key]
}

/** Removes the beginning that all messages have: the package, and the driver. */
function sentence(message) {
  const text = message.replace(/^(?:\[[^\]]*\] ?)+/, '')
  // A function's or an option's name keeps its case.
  return escaped(text.replace(/^[a-z]+(?= )/, (word) => word.charAt(0).toUpperCase() + word.slice(1)))
}

/** Escapes `<key>`, which would be an HTML element, except in code. */
function escaped(text) {
  return text.replaceAll(/`[^`]*`|</g, (found) => (found === '<' ? '&lt;' : found))
}

function several(texts) {
  const known = [...new Set(texts.filter(Boolean))].map((text) => text.replaceAll(/\s+/g, ' '))
  const more = known.length - MOST
  const shown = more > 1 ? [...known.slice(0, MOST), `and ${more} more`] : known
  return shown.join('<br>')
}

function retryOf(errors) {
  const answers = new Set(errors.map(({ retryable }) => retryable))
  if (answers.size > 1 || answers.has(undefined)) return 'see `retryable`'
  return answers.has(true) ? 'yes' : 'no'
}
