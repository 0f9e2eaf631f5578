import type { Health } from '@msc/core'

/** `error`: something is down or wrong. `warning`: it works, and something should be done. */
export type FindingStatus = 'ok' | 'warning' | 'error'

/** One result of the doctor: what is wrong and what to do about it. A line of the text, an item of the JSON. */
export interface Finding {
  /**
   * A concern (`cache`), or another check: `node`, `packages`, `clock`, `vercel.json`, `profile`, `secrets`, `folders`,
   * `config`.
   */
  readonly check: string
  readonly status: FindingStatus
  /** Stable: the code of the error, or else `OK`, `DEGRADED` or `FAILED`. */
  readonly code: string
  /** The driver of a concern; for other checks the thing that was checked, such as a version or a variable. */
  readonly subject: string
  /** What is wrong. */
  readonly detail?: string
  /** What to do: the variable to set or the command to run. */
  readonly hint?: string
  /** Duration of the round trip, in milliseconds. */
  readonly latencyMs?: number
}

const STATUSES: Readonly<Record<Health['status'], FindingStatus>> = {
  ready: 'ok',
  'not-configured': 'ok',
  degraded: 'warning',
  down: 'error',
}
const CODES: Readonly<Record<FindingStatus, string>> = { ok: 'OK', warning: 'DEGRADED', error: 'FAILED' }

/** Turns a service's health into a finding. */
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

/** Makes the finding of a check that found no fault. */
export function fine(check: string, subject: string): Finding {
  return { check, status: 'ok', code: 'OK', subject }
}

/** Returns the worst status of all findings. */
export function worstOf(findings: readonly Finding[]): FindingStatus {
  const has = (status: FindingStatus): boolean => findings.some((each) => each.status === status)
  return has('error') ? 'error' : has('warning') ? 'warning' : 'ok'
}
