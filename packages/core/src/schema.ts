import { ValidationError, type ValidationIssue } from './errors.ts'

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

interface SchemaIssue {
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
  const issues: ValidationIssue[] = result.issues.map(({ message, path }) => ({
    message,
    path: (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
  }))
  const first = issues[0]
  throw new ValidationError(`${what} is not valid: ${first?.path ? `${first.path}: ` : ''}${first?.message}`, issues)
}
