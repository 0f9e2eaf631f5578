// Two rules that no linter here knows: a vendor's SDK is imported only inside drivers/ and framework entry points,
// and an entry point that promises to run anywhere imports no Node builtin, directly or through its own files.
import { readFileSync, readdirSync, existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const VENDOR = /^(@sentry\/|@upstash\/|posthog-(js|node)|inngest|@supabase\/|ioredis|redis)(\/|$)?/
const VENDOR_ALLOWED = /\/drivers\/|\/testing\/|\.test\.tsx?$|\/e2e\//
const IMPORT = /(?:import|export)\s+(?:[^'"();]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g
/** Entry points that may use Node builtins: they exist for Node alone. */
const NODE_ONLY =
  /\/testing\/|\/server\/|\/devtools\/|\/platform\/|\/cli|drivers\/embedded|stores\/sqlite|\/ingest\/|\/analytics\/src\/wire/

const problems = []
const files = ['packages', 'apps'].flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .map((file) => join(folder, file))
    .filter((file) => /\.tsx?$/.test(file) && !/node_modules|\/dist\/|\/\.next\//.test(file)),
)
const importsOf = (file) =>
  [
    ...readFileSync(file, 'utf8')
      .replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
      .matchAll(IMPORT),
  ].map((match) => ({
    name: match[1] ?? match[2],
    typeOnly: /^(import|export)\s+type\s/.test(match[0]),
    lazy: match[0].startsWith('import('),
  }))

for (const file of files) {
  for (const { name } of importsOf(file)) {
    if (VENDOR.test(name) && !VENDOR_ALLOWED.test(file)) problems.push(`${file} imports ${name} outside drivers/`)
  }
}

for (const folder of readdirSync('packages')) {
  const manifest = JSON.parse(readFileSync(`packages/${folder}/package.json`, 'utf8'))
  for (const target of Object.values(manifest.exports)) {
    const entry = target['@msc/source'] && normalize(`packages/${folder}/${target['@msc/source']}`)
    if (!entry || NODE_ONLY.test(`/${entry}`)) continue
    const seen = new Set()
    const visit = (file, trail) => {
      if (seen.has(file) || !existsSync(file)) return
      seen.add(file)
      for (const { name, typeOnly, lazy } of importsOf(file)) {
        if (typeOnly || lazy) continue
        if (name.startsWith('node:')) problems.push(`${entry} reaches ${name} through ${[...trail, file].join(' → ')}`)
        else if (name.startsWith('.')) visit(normalize(join(dirname(file), name)), [...trail, file])
      }
    }
    visit(entry, [])
  }
}
for (const problem of problems) console.error(problem)
process.exit(problems.length > 0 ? 1 : 0)
