import './operations.ts'
export { createConsole, type ConsoleOptions } from './console/create-console.ts'
export type {
  RealtimeInspection,
  RealtimeMember,
  RealtimeMembers,
  RealtimeMessage,
  RealtimePort,
  RealtimeRoom,
  RealtimeRooms,
  RealtimeTotals,
} from './console/realtime/port.ts'
export { createFileJournal, type FileJournal, type FileJournalOptions } from './journal/file-journal.ts'
export { recordTelemetry, type RecordTelemetryOptions } from './record-telemetry.ts'
export type { Issue } from './views/issues.ts'
export type { Loss } from './views/losses.ts'
export type { Run } from './views/runs.ts'
export type { Trace } from './views/traces.ts'
