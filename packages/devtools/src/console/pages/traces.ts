import type { Journal, JournalRecord } from '@msc/core'
import { attributesOf, durationOf, isFailure, titleOf } from '../../views/describe.ts'
import { issueKey } from '../../views/issues.ts'
import { least, most, textOf } from '../../views/read.ts'
import { traceRows, traces, type Trace } from '../../views/traces.ts'
import { html, type Markup } from '../html.ts'
import { MAX_ROWS, badge, bar, milliseconds, short, sourceBadge, sourceNav, table, time, type Page } from '../parts.ts'

/** @param source Shows only traces with a record of it; `null` shows all. */
export function tracesPage(journal: Journal, base: string, source: string | null): Page {
  const all = traces(journal, source)
  const own = all.filter((trace) => trace.source === undefined)
  const received = all.filter((trace) => trace.source !== undefined)
  return {
    title: 'Traces',
    data: { traces: all },
    body: html`<h1>Traces</h1>
      <p class="quiet">A request and all it caused: cache, jobs, steps, messages.</p>
      ${sourceNav(`${base}/traces`, source)} ${(own.length > 0 || received.length === 0) && traceTable(own, base)}
      ${
        received.length > 0 &&
        html`<h2>Received from browsers only</h2>
          ${traceTable(received, base)}`
      }`,
  }
}

function traceTable(all: readonly Trace[], base: string): Markup {
  return table(
    ['Started', 'Began with', 'Records', 'Took'],
    all.map(
      (trace) =>
        html`<tr>
          <td class="t">${time(trace.startedAt)}</td>
          <td class="w">
            <a href="${base}/traces/${trace.traceId}">${short(trace.name, 300)}</a>
            ${sourceBadge(trace.source)} ${trace.failed && badge('failed')}
          </td>
          <td class="n">
            ${trace.records} ${trace.received > 0 && html`<span class="quiet">+ ${trace.received} received</span>`}
          </td>
          <td class="n">${milliseconds(trace.durationMs)}</td>
        </tr>`,
    ),
    'No trace has been recorded.',
  )
}

/** The deepest level that is indented; deeper ones are drawn like it. */
const DEEPEST = 8

export function tracePage(journal: Journal, base: string, traceId: string): Page | undefined {
  const rows = traceRows(journal, traceId)
  if (rows.length === 0) return undefined
  const records = rows.map(({ record }) => record)
  const own = records.filter(({ source }) => source === undefined)
  // The times that a stranger claims must not shrink the bars of what the process recorded.
  const measured = own.length > 0 ? own : records
  const startedAt = least(measured.map(({ ts }) => ts))
  const total = endOf(measured) - startedAt
  return {
    title: `Trace ${traceId.slice(0, 8)}`,
    data: { traceId, records: rows.map(({ record, depth }) => ({ ...record, depth })) },
    body: html`<h1>Trace <code>${traceId}</code></h1>
      <p class="quiet">
        ${rows.length} ${rows.length === 1 ? 'record' : 'records'} over ${milliseconds(total)}, from ${time(startedAt)}
        UTC. What happened inside of another is set in below it.
      </p>
      ${table(
        ['At', 'What', 'Took', ''],
        rows.map(
          ({ record, depth }) =>
            html`<tr class="dense">
              <td class="n">${offset(record.ts - startedAt)}</td>
              <td class="w"><div class="d${Math.min(depth, DEEPEST)}">${what(record, base)}</div></td>
              <td class="n">${durationOf(record) > 0 && milliseconds(durationOf(record))}</td>
              <td class="wide">${bar(record.ts - startedAt, durationOf(record), total, isFailure(record))}</td>
            </tr>`,
        ),
        '',
        // What was received takes no row from the process.
        MAX_ROWS + rows.length - own.length,
      )}`,
  }
}

function offset(ms: number): string {
  return ms < 0 ? `−${milliseconds(-ms)}` : `+${milliseconds(ms)}`
}

/** Returns the end of the last operation: a record that arrived long after it must not shrink the bars. */
function endOf(records: readonly JournalRecord[]): number {
  const operations = records.filter((record) => durationOf(record) > 0)
  return most((operations.length > 0 ? operations : records).map((record) => record.ts + durationOf(record)))
}

function what(record: JournalRecord, base: string): Markup {
  const title = short(titleOf(record), 200)
  const isError = record.kind === 'error'
  const link = isError ? html`<a href="${base}/errors/${issueKey(record)}">${title}</a>` : title
  const outcome = isError ? '' : isFailure(record) ? 'error' : textOf(attributesOf(record)['outcome'])
  const from = textOf(record.payload['receivedFrom'])
  return html`<span class="badge kind ${isError && 'bad'}">${short(record.kind, 40)}</span> ${link} ${badge(outcome)}
    ${sourceBadge(record.source)} ${from !== '' && html`<span class="quiet">from ${short(from, 40)}</span>`}`
}
