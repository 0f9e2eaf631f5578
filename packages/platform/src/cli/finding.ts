import type { Health } from '@msc/core'

/** `error`: something is down or wrong. `warning`: it works, and something should be done. */
export type FindingStatus = 'ok' | 'warning' | 'error'

/** One answer of the doctor: what is wrong and what to do about it, in one place. A line of the JSON output. */
export interface Finding {
  /** A concern (`cache`), or what else was looked at: `node`, `packages`, `clock`, `vercel.json`, `secrets`, `folders`, `config`. */
  readonly check: string
  readonly status: FindingStatus
  /** Stable: of the error where there was one, else `OK`, `DEGRADED` or `FAILED`. */
  readonly code: string
  /** The driver of a concern; of the other checks what was looked at, such as a version or a variable. */
  readonly subject: string
  /** What is wrong. */
  readonly detail?: string
  /** What to do about it: the variable or the command. */
  readonly hint?: string
  /** Milliseconds of the round trip. */
  readonly latencyMs?: number
}

const STATUSES: Readonly<Record<Health['status'], FindingStatus>> = {
  ready: 'ok',
  'not-configured': 'ok',
  degraded: 'warning',
  down: 'error',
}
const CODES: Readonly<Record<FindingStatus, string>> = { ok: 'OK', warning: 'DEGRADED', error: 'FAILED' }

/** What a service said of its backend, as a finding. */
export function findingOf({ concern, driver, status, code, detail, hint, latencyMs }: Health): Finding {
  const verdict = STATUSES[status]
  return {
    check: concern,
    status: verdict,
    code: code ?? CODES[verdict],
    subject: driver,
    ...(detail !== undefined && { detail }),
    ...(hint !== undefined && { hint }),
    ...(latencyMs !== undefined && { latencyMs }),
  }
}

/** A check that found nothing wrong. */
export function fine(check: string, subject: string): Finding {
  return { check, status: 'ok', code: 'OK', subject }
}

/** The worst of all. */
export function worstOf(findings: readonly Finding[]): FindingStatus {
  const has = (status: FindingStatus): boolean => findings.some((each) => each.status === status)
  return has('error') ? 'error' : has('warning') ? 'warning' : 'ok'
}
