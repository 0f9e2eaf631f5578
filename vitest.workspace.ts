import { existsSync, readdirSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

// One inline project for each package: inline projects inherit `ssr.resolve.conditions`, folder globs don't.
const packages = readdirSync('packages').filter((name) => existsSync(`packages/${name}/package.json`))
// Without 'import': Node takes them too, and a CommonJS package would get the ESM half of another.
const conditions = ['@msc/source', 'node']

export default defineConfig({
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      ...packages.map((name) => ({
        extends: true as const,
        test: { name, root: `packages/${name}`, include: ['src/**/*.test.{ts,tsx}'] },
      })),
      { extends: true as const, test: { name: 'web', root: 'apps/web', include: ['{lib,server,db}/**/*.test.ts'] } },
      { extends: true as const, test: { name: 'scripts', root: 'scripts', include: ['**/*.test.mjs'] } },
    ],
    testTimeout: 20_000,
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 60_000,
    // Two cores: more workers than that only make timing worse.
    maxWorkers: 2,
  },
})
