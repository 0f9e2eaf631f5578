export { startChaosProxy, type ChaosProxy } from './chaos-proxy.ts'
export { createManualClock, type ManualClock } from './manual-clock.ts'
export { freePort } from './free-port.ts'
export { keptOpen, withMethods } from './with-methods.ts'
