import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { EdgeVM } from '@edge-runtime/vm'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Report } from './__fixtures__/mini-vitest.ts'

const here = fileURLToPath(new URL('.', import.meta.url))

async function bundle(contents: string, format: 'esm' | 'iife'): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: here, loader: 'ts' },
    bundle: true,
    format,
    ...(format === 'iife' && { globalName: 'suites' }),
    platform: 'neutral',
    mainFields: ['module', 'main'],
    // As a bundler for such a runtime resolves: no builtin of Node is there.
    conditions: ['@msc/source', 'workerd', 'browser'],
    alias: { vitest: join(here, '__fixtures__/mini-vitest.ts') },
    write: false,
    logLevel: 'silent',
  })
  return (outputFiles[0] as { text: string }).text
}

function check(report: Report): void {
  expect(report.failures).toEqual([])
  expect(report.passed).toBeGreaterThan(20)
}

describe('the memory driver and the engine', () => {
  let module: string
  beforeAll(async () => {
    module = await bundle(`export { suite } from './__fixtures__/memory-suite.ts'`, 'esm')
  })

  it('run on workerd', async () => {
    const worker = `${module}\nexport default { async fetch() { return Response.json(await suite()) } }`
    const runtime = new Miniflare({ modules: true, script: worker, compatibilityDate: '2026-06-01' })
    try {
      const response = await runtime.dispatchFetch('http://localhost/')
      check((await response.json()) as Report)
    } finally {
      await runtime.dispose()
    }
  }, 60_000)

  it('run on the edge runtime', async () => {
    const vm = new EdgeVM()
    vm.evaluate(await bundle(`export { suite } from './__fixtures__/memory-suite.ts'`, 'iife'))
    check((await vm.evaluate('suites.suite()')) as Report)
  })

  it('run on Bun', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'msc-bun-'))
    try {
      const file = join(folder, 'suite.mjs')
      writeFileSync(file, `${module}\nconsole.log(JSON.stringify(await suite()))`)
      const { stdout } = await promisify(execFile)(bun(), [file], { timeout: 60_000 })
      check(JSON.parse(stdout) as Report)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }, 60_000)
})

/** Bun's binary for this machine: a package of its own, which `bun` links only in an install script. */
function bun(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('bun/package.json'))
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x64'
  for (const variant of ['', '-baseline', '-musl', '-musl-baseline']) {
    try {
      const manifest = require.resolve(`@oven/bun-${process.platform}-${arch}${variant}/package.json`)
      const binary = join(manifest, '../bin/bun')
      if (existsSync(binary)) return binary
    } catch {
      // Another one, then.
    }
  }
  throw new Error('No package with a Bun for this machine is installed; run the install again.')
}

describe('the root entry point', () => {
  const bundleRoot = (external: string[]) =>
    build({
      entryPoints: [join(here, 'index.ts')],
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['module', 'main'],
      conditions: ['@msc/source', 'browser'],
      external,
      splitting: true,
      minify: true,
      write: false,
      metafile: true,
      outdir: 'out',
      logLevel: 'silent',
    })

  it('holds no builtin of Node, and no SDK', async () => {
    const { metafile } = await bundleRoot(['ioredis', '@upstash/redis', 'node:*'])
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports)
    const outside = imports.filter(({ external }) => external).map(({ path, kind }) => `${kind} ${path}`)
    // An SDK is loaded when a driver that needs it is first called.
    expect(outside.filter((each) => !each.startsWith('dynamic-import'))).toEqual([])
    expect(outside.filter((each) => each.includes('node:'))).toEqual([])
  })

  it('stays small: what a store, a driver or a model needs comes when it is needed', async () => {
    const { outputFiles } = await bundleRoot(['@msc/core', 'lru-cache', 'devalue', 'ioredis', '@upstash/redis'])
    const root = outputFiles.find(({ path }) => path.endsWith('index.js')) as { contents: Uint8Array }
    console.log(`root entry point: ${(gzipSync(root.contents).length / 1024).toFixed(1)} KiB gz`)
    expect(gzipSync(root.contents).length).toBeLessThan(15 * 1024)
  })
})
