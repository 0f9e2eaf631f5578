import type { SignalKind } from '../signals.ts'

/** Every kind of signal; the compiler checks that none is missing. */
const KINDS: Readonly<Record<SignalKind, true>> = {
  error: true,
  message: true,
  log: true,
  span: true,
  metric: true,
  'check-in': true,
  session: true,
  feedback: true,
  drops: true,
}

export const ALL_KINDS: readonly SignalKind[] = Object.keys(KINDS) as SignalKind[]
