// Runs the pinned pnpm with the given arguments: `node scripts/pnpm.mjs --filter web run build`. Root scripts use it
// because the host may have no pnpm, and an older Node than the packages need.
import { fileURLToPath } from 'node:url'
import { pnpm } from './lib/pnpm.mjs'

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(await pnpm(process.argv.slice(2)))
