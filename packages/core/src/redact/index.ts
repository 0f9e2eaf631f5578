export { configureRedaction } from './configure.ts'
export { createRedactor, redact } from './create-redactor.ts'
export { REDACTED } from './marks.ts'
export type { RedactOptions, Redactor, TextOptions } from './options.ts'
