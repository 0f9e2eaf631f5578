export { testRealtimeDriver, type RealtimeDriverSetup } from './conformance.ts'
export { signTestToken } from './tokens.ts'
