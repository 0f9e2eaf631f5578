import { existsSync, readdirSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// One inline project for each package: inline projects inherit `ssr.resolve.conditions`, folder globs don't.
const packages = readdirSync('packages').filter((name) => existsSync(`packages/${name}/package.json`))
// Without 'import': Node takes them too, and a CommonJS package would get the ESM half of another.
const conditions = ['@msc/source', 'node']

/** Files that take long, the longest first: one that began last would leave the other worker with nothing to do. */
const LONG = [
  'jobs/src/crash-postgres',
  'jobs/src/crash-sqlite',
  'jobs/src/stores/postgres.test',
  'platform/src/redaction-wire',
  'cache/src/drivers/redis.test',
  'realtime/src/feed/chaos',
  'core/src/delivery/ending/endings',
  'jobs/src/drivers/drivers',
  'core/src/redact/cost',
  'realtime/src/feed/resume',
  'devtools/src/endings',
  'cache/src/chaos',
  'core/src/redact/matrix',
  'cache/src/runtimes',
  'monitoring/src/drivers/drivers',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = LONG.findIndex((part) => moduleId.includes(part))
      return found === -1 ? LONG.length : found
    }
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  ssr: { resolve: { conditions } },
  test: {
    // Processes, not threads, for each file: what one starts holds, from its fork until it has executed, the sockets of every other
    // thread too, and a server that restarts on its port finds it taken.
    pool: 'forks',
    projects: [
      ...packages.map((name) => ({
        extends: true as const,
        test: { name, root: `packages/${name}`, include: ['src/**/*.test.{ts,tsx}'] },
      })),
      {
        extends: true as const,
        test: { name: 'web', root: 'apps/web', include: ['{components,lib,server}/**/*.test.ts'] },
      },
      { extends: true as const, test: { name: 'scripts', root: 'scripts', include: ['**/*.test.mjs'] } },
    ],
    testTimeout: 20_000,
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 60_000,
    // One more than there are cores: a third of the time tests wait. With more, timing gets worse.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
  },
})
