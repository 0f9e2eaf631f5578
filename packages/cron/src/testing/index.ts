export { testCronDriver, type CronDriverSetup } from './conformance.ts'
export { createVercelCronCaller, type VercelCaller, type VercelCallerOptions } from './vercel-caller.ts'
export { testClaimStore } from './claim-store.ts'
export { lossyClaims, type LossyClaims } from './lossy-claims.ts'
