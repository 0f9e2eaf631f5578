export { createIngest, type IngestOptions } from './create-ingest.ts'
