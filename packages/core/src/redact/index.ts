export { configureRedaction } from './configure.ts'
export { createRedactor, redact } from './create-redactor.ts'
export { REDACTED, type RedactOptions, type Redactor } from './options.ts'
