export { createVercelCronCaller, type VercelCaller, type VercelCallerOptions } from './vercel-caller.ts'
export { lossyClaims, type LossyClaims } from './lossy-claims.ts'
