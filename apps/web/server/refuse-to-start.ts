import { MscError } from '@msc/core'

/** Ends the process with what is wrong and what to do, without a stack: a wrong configuration is no fault of the code. */
export function refuseToStart(error: unknown): never {
  if (MscError.isInstance(error)) console.error(`\n${error.message}${error.hint ? `\n${error.hint}` : ''}`)
  else console.error(error)
  process.exit(1)
}
