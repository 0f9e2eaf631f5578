export { testCronDriver, type CronDriverSetup } from './cron-driver.ts'
export { testClaimStore } from './claim-store.ts'
