import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { crons } from './definitions.ts'
import { manifest } from './manifest.ts'

it('vercel.json matches the definitions; `pnpm --filter web manifest` writes it', () => {
  expect(readFileSync(new URL('../../vercel.json', import.meta.url), 'utf8')).toBe(manifest(crons))
})
