// `npm run bench` runs all benchmarks, `npm run bench -- cache` one.
import { benchCache } from './cache/cache.ts'
import { benchOutage } from './cache/outage.ts'
import { benchCore } from './core.ts'
import { benchMemory } from './jobs/memory.ts'
import { benchJobs } from './jobs/jobs.ts'
import { benchRealtimeApp } from './realtime/app.ts'
import { benchRealtimeTwoServers } from './realtime/two-servers.ts'
import { benchRealtimePruning } from './realtime/pruning.ts'
import { benchRealtime } from './realtime/realtime.ts'
import { benchRedaction } from './redaction.ts'

const benchmarks: Readonly<Record<string, () => Promise<void>>> = {
  core: benchCore,
  redaction: benchRedaction,
  cache: benchCache,
  'cache-outage': benchOutage,
  jobs: benchJobs,
  'jobs-memory': benchMemory,
  realtime: benchRealtime,
  'realtime-app': benchRealtimeApp,
  'realtime-pruning': benchRealtimePruning,
  'realtime-two-servers': benchRealtimeTwoServers,
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in benchmarks))
if (unknown.length > 0) {
  console.error(`No benchmark is named ${unknown.join(', ')}. There are: ${Object.keys(benchmarks).join(', ')}.`)
  process.exit(2)
}
for (const [name, run] of Object.entries(benchmarks)) {
  if (wanted.length === 0 || wanted.includes(name)) await run()
}
