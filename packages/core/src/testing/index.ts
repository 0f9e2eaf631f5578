export { startChaosProxy, type ChaosProxy } from './chaos-proxy.ts'
export { createManualClock, type ManualClock } from './manual-clock.ts'
export { freePort } from './free-port.ts'
export { mulberry32 } from './mulberry32.ts'
export { keptOpen, withMethods } from './with-methods.ts'
export { listen, type Listening } from './listen.ts'
export { stopProcess } from './stop-process.ts'
export { createRecording, type Recording } from './recording.ts'
export {
  startWireServer,
  type WireAnswer,
  type WireBehaviour,
  type WireProtocol,
  type WireRequest,
  type WireServer,
} from './wire-server.ts'
