// `npm test` tests everything, from an empty folder if need be. Its last lines name what failed, and have the counts of the runners' reports.
// MSC_REQUIRE_SERVICES=1 makes a missing Redis or browser a failure instead of skipping tests.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pnpm, root } from './lib/pnpm.mjs'
import {
  playwrightCounts,
  playwrightFailures,
  readFailures,
  readReport,
  sum,
  vitestCounts,
  vitestFailures,
} from './lib/reports.mjs'
import { services } from './lib/services.mjs'
import { build, install } from './lib/setup.mjs'

const required = process.env.MSC_REQUIRE_SERVICES === '1'
const reports = join(root, '.cache', 'reports')
const failed = []
/** Said again at the end: whoever reads the log of a long run begins there. */
const failures = []
const started = Date.now()

async function stage(name, run) {
  const from = Date.now()
  const status = await run()
  const seconds = ((Date.now() - from) / 1000).toFixed(1)
  console.log(`${status === 0 ? '✓' : '✗'} ${name} (${seconds} s)`)
  if (status !== 0) failed.push(name)
  return status === 0
}

function finish(counts) {
  for (const failure of failures) console.error(`✗ ${failure}`)
  if (failed.length > 0) console.error(`Failed: ${failed.join(', ')}`)
  console.log(`Took ${((Date.now() - started) / 1000).toFixed(0)} s`)
  console.log(`Tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  process.exit(failed.length > 0 || counts.failed > 0 ? 1 : 0)
}

rmSync(reports, { recursive: true, force: true })
mkdirSync(reports, { recursive: true })

const { ok, env } = services({ required })
if (!ok) failed.push('services')
const ready = (await stage('install', install)) && (await stage('build', build))
if (!ready) finish({ passed: 0, failed: 1, skipped: 0 })

// Both wait for single threads most of the time.
await Promise.all([
  stage('lint', () => pnpm(['run', 'lint:all'], { quiet: true })),
  stage('types and packages', () =>
    pnpm(['turbo', 'run', 'typecheck', 'check:package', '--output-logs=errors-only'], { quiet: true }),
  ),
])

// Many tests have a Postgres of their own, and making its files takes longer than copying them.
const templates = mkdtempSync(join(tmpdir(), 'msc-templates-'))
process.once('exit', () => rmSync(templates, { recursive: true, force: true }))
env.MSC_POSTGRES_TEMPLATE = templates

const unitReport = join(reports, 'vitest.json')
const abortedTests = join(reports, 'aborted-tests.txt')
const reporters = [
  '--reporter=dot',
  '--reporter=json',
  `--outputFile.json=${unitReport}`,
  `--reporter=${join(root, 'scripts', 'lib', 'aborted-tests-reporter.mjs')}`,
]
const vitest = () =>
  pnpm(['vitest', 'run', '--config', 'vitest.workspace.ts', ...reporters], {
    env: { ...env, MSC_ABORTED_TESTS: abortedTests },
  })
await stage('unit, conformance, integration', async () => {
  const status = await vitest()
  // V8 aborts now and then while it runs the WebAssembly of a PGlite: https://github.com/nodejs/node/issues/64500.
  if (!existsSync(abortedTests)) return status
  console.error('V8 aborted a process of the tests, and nothing else has failed. They run once more.')
  return vitest()
})
const counts = [readReport(unitReport, vitestCounts)]
failures.push(...readFailures(unitReport, vitestFailures))

if (env.MSC_SKIP_BROWSER) {
  counts.push({ passed: 0, failed: 0, skipped: 1 })
} else {
  const browserReport = join(reports, 'playwright.json')
  await stage('browser', () =>
    pnpm(['--filter', 'web', 'run', 'test:e2e'], { env: { ...env, PLAYWRIGHT_JSON_OUTPUT_NAME: browserReport } }),
  )
  counts.push(readReport(browserReport, playwrightCounts))
  failures.push(...readFailures(browserReport, playwrightFailures))
}
finish(sum(counts))
