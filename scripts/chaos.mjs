// `npm run chaos -- delivery --scripts 1000 --seed 7` runs random scripts against one concern, in virtual time;
// `npm run chaos -- outbox --minutes 5` kills real processes, so that its seed repeats only the order of events. To add a concern, write a module that exports `run<Concern>Chaos` and list it below.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { pinnedNode, root } from './lib/pnpm.mjs'

/** Each function resolves with `{ scripts, seed, broken: [{ seed, violations }] }` and any sums worth printing. */
const CONCERNS = {
  delivery: { module: 'packages/core/src/testing/delivery/chaos.ts', run: 'runDeliveryChaos' },
  monitoring: { module: 'packages/monitoring/src/testing/delivery-chaos.ts', run: 'runMonitoringChaos' },
  // Of the built app: the number of kills, and of guesses; and every body that an entrance takes.
  app: { module: 'apps/web/e2e/chaos/kills.ts', run: 'runKillChaos' },
  'sign-in': { module: 'apps/web/e2e/chaos/flood.ts', run: 'runFloodChaos' },
  hostile: { module: 'apps/web/e2e/chaos/hostile.ts', run: 'runHostileChaos' },
  analytics: { module: 'packages/analytics/src/testing/delivery-chaos.ts', run: 'runAnalyticsChaos' },
  realtime: { module: 'packages/realtime/src/testing/feed-chaos.ts', run: 'runRealtimeChaos' },
  'realtime-fuzz': { module: 'packages/realtime/src/testing/fuzz/run-fuzz.ts', run: 'runRealtimeFuzz' },
  outbox: { module: 'packages/platform/src/testing/outbox-chaos.ts', run: 'runOutboxChaos' },
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    scripts: { type: 'string', default: '1000' },
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
  },
})
const [name] = positionals
const scripts = Number(values.scripts)
const minutes = Number(values.minutes)
const seed = values.seed === undefined ? Date.now() % 1_000_000_000 : Number(values.seed)
if (!Object.hasOwn(CONCERNS, name ?? '') || !(scripts > 0) || !(minutes > 0) || !Number.isInteger(seed)) {
  console.error(
    `Usage: npm run chaos -- <${Object.keys(CONCERNS).join('|')}> [--scripts 1000 | --minutes 1] [--seed 7]`,
  )
  process.exit(2)
}

if (process.env.MSC_CHAOS_CHILD) {
  await runHere(CONCERNS[name])
} else {
  // The sources are TypeScript, which the host's Node may not run; the pinned one does.
  const args = ['--conditions=@msc/source', '--no-warnings', fileURLToPath(import.meta.url), ...process.argv.slice(2)]
  const env = { ...process.env, MSC_CHAOS_CHILD: '1' }
  const child = spawn(pinnedNode(), args, { cwd: root, stdio: 'inherit', env })
  child.once('close', (code) => process.exit(code ?? 1))
}

async function runHere({ module, run }) {
  let unhandled = 0
  process.on('unhandledRejection', (error) => {
    unhandled += 1
    console.error('Unhandled rejection:', error)
  })
  const { [run]: start } = await import(join(root, module))
  const from = performance.now()
  const { broken, ...sums } = await start({ scripts, minutes, seed })
  const seconds = ((performance.now() - from) / 1000).toFixed(1)
  for (const { seed: one, violations } of broken.slice(0, 10)) {
    console.error(`✗ --scripts 1 --seed ${one}\n  ${violations.join('\n  ')}`)
  }
  console.log(
    Object.entries(sums)
      .map(([what, count]) => `${what} ${count}`)
      .join(', '),
  )
  const verdict = broken.length + unhandled === 0 ? '✓' : '✗'
  console.log(
    `${verdict} ${name}: ${broken.length} of ${sums.scripts} scripts broken, ${unhandled} unhandled rejections, ${seconds} s`,
  )
  process.exit(verdict === '✓' ? 0 : 1)
}
