import { ValidationError } from '../errors/errors.ts'

/**
 * The part of Standard Schema 1 (https://standardschema.dev) that validation needs, so that zod, valibot, arktype and
 * others can be passed without a dependency on any.
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
 * The parsed value.
 *
 * @param what Names the value in the error: `Payload of release/distribute`.
 * @throws ValidationError with a path and message for each problem; the value itself is never in it.
 */
export async function validate<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  what: string,
): Promise<Output> {
  const result = await schema['~standard'].validate(value)
  if (result.issues === undefined) return result.value
  // Loaded when there is something to say: a page where everything is valid does not carry it.
  const { describeIssues } = await import('./describe-issues.ts')
  throw new ValidationError(...describeIssues(result.issues, what), { code: 'VALIDATION_FAILED' })
}
