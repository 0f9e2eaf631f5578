export { startChaosProxy, type ChaosProxy } from '@msc/core/testing'
export { createFakeRealtime, type FakeRealtime, type FakeRequest } from './fake-driver.ts'
export { signTestToken } from './tokens.ts'
