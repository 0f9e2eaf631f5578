export { testRealtimeDriver, type RealtimeDriverSetup } from './realtime-driver.ts'
