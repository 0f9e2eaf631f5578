export { createManualClock, type ManualClock } from './manual-clock.ts'
export { freePort } from './free-port.ts'
export { keptOpen } from './kept-open.ts'
