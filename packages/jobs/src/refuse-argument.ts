import { ValidationError } from '@msc/core'

/** @throws ValidationError `JOB_ARGUMENT_INVALID`, always. */
export function refuseArgument(what: string, value: string, known: readonly string[]): never {
  throw new ValidationError(`[msc/jobs] ${JSON.stringify(value)} is not a known ${what}.`, [], {
    code: 'JOB_ARGUMENT_INVALID',
    hint: `Use one of ${known.join(', ')}.`,
  })
}
