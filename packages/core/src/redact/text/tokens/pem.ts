import { REDACTED } from '../../marks.ts'
import { hide, type TextScan } from '../state.ts'

const LONGEST_LABEL = 64

/**
 * Hides a private key in PEM (RFC 7468), even when its line breaks are escaped or encoded. A key whose end was cut off
 * is hidden to the end of the text.
 *
 * @param from Where hiding begins.
 * @param to The end of `-----BEGIN`.
 * @returns The position to continue at, or -1 when no private key begins here.
 */
export function hidePrivateKey(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  if (!text.slice(to, to + LONGEST_LABEL).includes('PRIVATE')) return -1
  const end = text.indexOf('-----END', to)
  if (end < 0 || end >= scan.end) return hide(scan, from, scan.end, REDACTED)
  const close = text.indexOf('-----', end + 8)
  return hide(scan, from, close < 0 || close - end > LONGEST_LABEL ? end + 8 : close + 5, REDACTED)
}
