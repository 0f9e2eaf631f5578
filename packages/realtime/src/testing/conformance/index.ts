export { testRealtimeBus, type BusSetup } from './bus.ts'
export { testRealtimeDriver, type RealtimeDriverSetup } from './realtime-driver.ts'
