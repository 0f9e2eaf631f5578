// Writes vercel.json from the definitions: `pnpm --filter web manifest`.
import { writeFileSync } from 'node:fs'
import { crons } from './definitions.ts'
import { manifest } from './manifest.ts'

writeFileSync(new URL('../../vercel.json', import.meta.url), manifest(crons))
