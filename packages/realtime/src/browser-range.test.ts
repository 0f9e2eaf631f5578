// What a page is sent has to run in the oldest browsers that README names.
import { fileURLToPath } from 'node:url'
import { build, transform } from 'esbuild'
import { beforeAll, describe, expect, it } from 'vitest'
import { LATER } from './testing/old-browser.ts'

const OLDEST = ['safari15.4', 'chrome100', 'firefox100']
const ENTRIES = [
  './index.ts',
  './drivers/embedded.ts',
  './drivers/memory.ts',
  './drivers/supabase.ts',
  './tabs/index.ts',
  './fallback/sse-socket.ts',
  './fallback/poll-socket.ts',
  './react/index.tsx',
]

/** The code of all entries and of what they load late, with all that they need of @msc/core. */
async function codeOfPages(): Promise<ReadonlyMap<string, string>> {
  const { outputFiles } = await build({
    entryPoints: ENTRIES.map((entry) => fileURLToPath(new URL(entry, import.meta.url))),
    bundle: true,
    splitting: true,
    outdir: 'out',
    format: 'esm',
    platform: 'browser',
    // As the packages are published.
    target: 'es2023',
    conditions: ['@msc/source'],
    external: ['@supabase/supabase-js', 'react'],
    legalComments: 'none',
    write: false,
    logLevel: 'silent',
  })
  return new Map(outputFiles.map(({ path, text }) => [path, text]))
}

/** A use of something, as it is written. A method of a list or a set is known by its name alone. */
const USES: readonly (readonly [name: string, pattern: RegExp])[] = LATER.filter(
  // Names that older things have too; the conformance suite runs without these as well.
  ([name]) => !/^Iterator#|#with$|#asyncIterator$|^BroadcastChannel$/.test(name),
).map(([name]) => {
  const [, owner, method] = /^(\w+)#(\w+)$/.exec(name) ?? []
  if (owner && method) return [name, new RegExp(`\\.${method}\\(`)]
  return [name, new RegExp(`(?<![.\\w])${name.replace('.', '\\.')}(?:\\(|\\b(?!\\s*[:=?]))`)]
})

let code: ReadonlyMap<string, string>
beforeAll(async () => {
  code = await codeOfPages()
})

describe('the code of a page', () => {
  it.each(USES.map(([name, pattern]) => [name, pattern] as const))('does not use %s', (_name, pattern) => {
    const found = [...code.values()].flatMap((text) => text.split('\n').filter((line) => pattern.test(line)))
    expect(found).toEqual([])
  })

  it('has no regular expression that an old Safari can not read', () => {
    const found = [...code.values()].flatMap((text) =>
      text.split('\n').filter((line) => /\(\?<[=!]|\(\?[ims-]+:/.test(line)),
    )
    expect(found).toEqual([])
  })

  it('has no syntax that the oldest browsers lack: to write it for them changes nothing', async () => {
    for (const [path, text] of code) {
      const options = { minifySyntax: false, legalComments: 'none' } as const
      const [as, forOldest] = await Promise.all([
        transform(text, { ...options, target: 'esnext' }),
        transform(text, { ...options, target: OLDEST }),
      ])
      expect(forOldest.code, path).toBe(as.code)
    }
  })

  it('is found out when it uses one of them', async () => {
    const uses = ['AbortSignal.timeout(1)', 'list.toSorted()', 'structuredClone(x)', 'new TextDecoderStream()']
    for (const use of uses)
      expect(
        USES.some(([, pattern]) => pattern.test(use)),
        use,
      ).toBe(true)
    const { code: lowered } = await transform('class A { static { go() } }', { target: OLDEST })
    expect(lowered).not.toContain('static {')
  })
})
