import { ValidationError } from '../errors/errors.ts'

/**
 * The part of Standard Schema 1 (https://standardschema.dev) that validation needs. It accepts zod, valibot, arktype and
 * others without a dependency on any of them.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

export type InferOutput<Schema> = Schema extends StandardSchema<unknown, infer Output> ? Output : never

/**
 * Validates a value and returns the parsed one.
 *
 * @param what Names the value in the error, for example `Payload of release/distribute`.
 * @throws ValidationError with a path and a message for each problem, never with the value itself.
 */
export async function validate<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  what: string,
): Promise<Output> {
  const result = await schema['~standard'].validate(value)
  if (result.issues === undefined) return result.value
  // Loaded only when there is a problem, so that a page does not download it up front.
  const { describeIssues } = await import('./describe-issues.ts')
  throw new ValidationError(...describeIssues(result.issues, what), {
    // The value does not have the shape that its schema describes.
    code: 'VALIDATION_FAILED',
  })
}
