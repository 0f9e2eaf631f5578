export { createConsole, type ConsoleOptions } from './console/create-console.ts'
export { createFileJournal, type FileJournal, type FileJournalOptions } from './file-journal.ts'
export { recordTelemetry } from './record-telemetry.ts'
export type { Issue, Run, Trace } from './views.ts'
