import { fine, type Finding } from '../finding.ts'

/** The time at which a server answered, by its clock and by ours. Wall time, in milliseconds since the epoch. */
export interface AnswerTime {
  readonly host: string
  /** The response's `Date` header, which is in whole seconds. */
  readonly date: number
  readonly sentAt: number
  readonly receivedAt: number
}

const TOLERANCE_MS = 30_000

/**
 * Compares this machine's clock with those of the servers that were called. The smallest difference decides: a single
 * server with a wrong clock proves nothing about ours.
 */
export function checkClock(answers: readonly AnswerTime[]): Finding[] {
  const offsets = answers.map((answer) => ({ host: answer.host, offsetMs: offsetOf(answer) }))
  const [best] = offsets.toSorted((a, b) => Math.abs(a.offsetMs) - Math.abs(b.offsetMs))
  if (!best) return []
  const { host, offsetMs } = best
  if (Math.abs(offsetMs) <= TOLERANCE_MS) return [fine('clock', `agrees with ${host}`)]
  const difference = `${Math.round(Math.abs(offsetMs) / 1000)} s ${offsetMs > 0 ? 'behind' : 'ahead of'}`
  return [
    {
      check: 'clock',
      status: 'warning',
      code: 'CLOCK_SKEW',
      subject: host,
      detail: `This machine's clock is ${difference} that of ${host}: tokens expire too early or too late, signed calls are refused, and scheduled jobs start at the wrong time.`,
      hint: 'Synchronise it: `timedatectl set-ntp true` on Linux, `sntp -sS time.apple.com` on macOS, `w32tm /resync` on Windows.',
    },
  ]
}

/** Returns the smallest offset of the server's clock from ours that the answer allows; 0 when the two may agree. */
function offsetOf({ date, sentAt, receivedAt }: AnswerTime): number {
  if (date > receivedAt) return date - receivedAt
  return Math.min(0, date + 999 - sentAt)
}
