import { benchHits, benchStampede } from '/work/main/apps/bench/src/cache-memory.ts'
await benchHits()
await benchStampede()
process.exit(process.exitCode)
