export { startChaosProxy, type ChaosProxy } from './chaos-proxy.ts'
export { testRealtimeDriver, type RealtimeDriverSetup } from './conformance.ts'
export { createFakeRealtime, type FakeRealtime, type FakeRequest } from './fake-driver.ts'
export { signTestToken } from './tokens.ts'
