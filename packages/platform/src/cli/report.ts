import { worstOf, type Finding } from './finding.ts'
import { oneLine } from './one-line.ts'

const MARKS = { ok: '✓', warning: '~', error: '✗' } as const

/** Formats findings as text: a line for each, followed by what is wrong and what to do. */
export function asText(findings: readonly Finding[]): string {
  return findings.map(paragraph).join('')
}

function paragraph({ check, subject, status, latencyMs, detail, hint }: Finding): string {
  const latency = latencyMs === undefined || status === 'error' ? '' : `  ${latencyMs.toFixed(1)} ms`
  const head = `${check.padEnd(11)} → ${subject} ${MARKS[status]}${latency}`
  return [head, detail && `              ${detail}`, hint && `              ${hint}`]
    .filter((part) => part !== undefined && part !== '')
    .map((part) => `${oneLine(part as string)}\n`)
    .join('')
}

export interface JsonReport {
  /** The version of this shape. New fields keep it; a change to an existing field raises it. */
  readonly version: 1
  readonly exitCode: 0 | 1
  /** The worst status of the findings. */
  readonly status: Finding['status']
  /** ISO 8601. */
  readonly checkedAt: string
  readonly findings: readonly Finding[]
}

/** Formats findings as JSON. */
export function asJson(
  findings: readonly Finding[],
  options: { readonly exitCode: 0 | 1; readonly checkedAt: number },
): string {
  const { exitCode, checkedAt } = options
  const report: JsonReport = {
    version: 1,
    exitCode,
    status: worstOf(findings),
    checkedAt: new Date(checkedAt).toISOString(),
    findings,
  }
  return `${JSON.stringify(report, null, 2)}\n`
}
