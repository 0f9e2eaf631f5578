import { benchHits, benchStampede, benchLimiter } from '/work/main/apps/bench/src/cache-memory.ts'
await benchLimiter()
process.exit(process.exitCode)
