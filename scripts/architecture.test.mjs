import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { packageFolders } from './lib/entries.mjs'
import { root } from './lib/pnpm.mjs'

it('names every slot of the process in the architecture', () => {
  const page = readFileSync(join(root, 'docs', 'architecture.md'), 'utf8')
  const slots = packageFolders().flatMap((name) => {
    const folder = join(root, 'packages', name, 'src')
    return readdirSync(folder, { recursive: true })
      .filter((file) => /\.tsx?$/.test(file) && !/\.test\.|(?:^|\/)testing\//.test(file))
      .flatMap((file) => [...readFileSync(join(folder, file), 'utf8').matchAll(/\bprocessSlot[^(\n]*\(\s*'([^']+)'/g)])
      .map(([, slot]) => slot)
  })
  expect(new Set(slots).size).toBeGreaterThan(10)
  const isNamed = (slot) => page.includes(`\`${slot}\``) || (slot.endsWith('-state') && page.includes('`…-state`'))
  expect(slots.filter((slot) => !isNamed(slot))).toEqual([])
})
