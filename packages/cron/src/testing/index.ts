export { testCronDriver, type CronDriverSetup } from './conformance.ts'
export { createVercelCronCaller, type VercelCaller, type VercelCallerOptions } from './vercel-caller.ts'
