import {benchHits,benchStampede} from '/work/main/apps/bench/src/cache-memory.ts'
await benchStampede()
process.exit(process.exitCode)
