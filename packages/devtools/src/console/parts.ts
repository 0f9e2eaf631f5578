import { redact } from '@msc/core'
import { sourceName } from '../views/read.ts'
import { html, type Markup } from './html.ts'

/** The content of a page, and the same as data. */
export interface Page {
  readonly title: string
  readonly body: Markup
  readonly data: unknown
  /** Has forms, which may be sent to the console itself. */
  readonly hasForms?: boolean
  /** Loads itself again after so many seconds. */
  readonly refreshSeconds?: number
}

/** The most rows of one table. */
export const MAX_ROWS = 500

const NUMERIC = new Set([
  'Events',
  'Users',
  'Steps',
  'Took',
  'Records',
  'Attempt',
  'At',
  'Latency',
  'Count',
  'Members',
  'Per second',
  'Present',
  'Waiting',
  'Size',
])

export function table(
  heads: readonly string[],
  rows: readonly Markup[],
  empty: string,
  most: number = MAX_ROWS,
): Markup {
  if (rows.length === 0) return html`<div class="card empty">${empty}</div>`
  const shown = rows.slice(0, most)
  const label = heads.filter(Boolean).join(', ')
  // Without a mouse, only what has the focus can be scrolled.
  return html`<div class="card scroll" tabindex="0" role="region" aria-label="${label}">
      <table>
        <thead>
          <tr>
            ${heads.map((head) =>
              head === ''
                ? html`<td class="wide"></td>`
                : html`<th scope="col" class="${NUMERIC.has(head) ? 'n' : ''}">${head}</th>`,
            )}
          </tr>
        </thead>
        <tbody>
          ${shown}
        </tbody>
      </table>
    </div>
    ${rows.length > shown.length && html`<p class="quiet">${rows.length - shown.length} more are not shown.</p>`}`
}

/** Drawn with SVG attributes, because the page's policy forbids inline styles. */
export function bar(startMs: number, durationMs: number, totalMs: number, bad: boolean): Markup {
  const total = Math.max(totalMs, 0.001)
  const x = Math.min(99, Math.max(0, (100 * startMs) / total))
  const width = Math.max(1, Math.min(100 - x, (100 * durationMs) / total))
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
    <rect class="${bad ? 'bad' : ''}" x="${x.toFixed(2)}" y="0" width="${width.toFixed(2)}" height="8" rx="1"></rect>
  </svg>`
}

const BAD = new Set(['failed', 'error', 'down', 'fatal', 'degraded'])

export function badge(value: string): Markup | undefined {
  return value === '' ? undefined : html`<span class="badge ${BAD.has(value) ? 'bad' : ''}">${short(value, 60)}</span>`
}

/** Marks what was received; nothing for a record of the process itself. */
export function sourceBadge(source: string | undefined): Markup | undefined {
  return source === undefined ? undefined : html`<span class="badge from">${sourceName(source)}</span>`
}

/**
 * Links to a page's records by source.
 *
 * @param path Of the page, with its other parameters.
 * @param source The chosen one; `null` for all.
 */
export function sourceNav(path: string, source: string | null): Markup {
  const link = (name: string | null, label: string): Markup =>
    html`<a
      href="${name === null ? path : `${path}${path.includes('?') ? '&' : '?'}source=${name}`}"
      ${name === source && html`aria-current="page"`}
      >${label}</a
    > `
  return html`<nav class="kinds" aria-label="Sources">
    ${link(null, 'all sources')}${SOURCES.map((name) => link(name, sourceName(name)))}
  </nav>`
}

/** The process itself, and the source of all that the ingest receives. */
const SOURCES = ['server', 'browser']

/** Formats a time as `11-25 19:04:05.123`, in UTC; `–` for an invalid one. */
export function time(ms: unknown): string {
  if (typeof ms !== 'number' || !(Math.abs(ms) <= 8.64e15)) return '–'
  return new Date(ms).toISOString().slice(-19, -1).replace('T', ' ')
}

export function milliseconds(ms: number): string {
  if (ms >= 60_000) return `${(ms / 60_000).toFixed(1)} min`
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

export function short(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text
}

/**
 * Returns JSON of any value. A value that JSON can't represent, such as a cycle, is redacted first, which makes it
 * plain.
 */
export function json(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent) ?? 'null'
  } catch {
    return JSON.stringify(redact(value), undefined, indent) ?? 'null'
  }
}

export function compact(value: unknown): string {
  return short(json(value), 300)
}
