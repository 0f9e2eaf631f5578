import type { Journal, JournalRecord } from '@msc/core'
import { attributesOf, durationOf, isFailure, titleOf } from '../../views/describe.ts'
import { addressOf, least, most, textOf } from '../../views/read.ts'
import { traceRows, traces } from '../../views/traces.ts'
import { html, type Markup } from '../html.ts'
import { badge, bar, milliseconds, short, table, time, type Page } from '../parts.ts'

export function tracesPage(journal: Journal, base: string): Page {
  const all = traces(journal)
  return {
    title: 'Traces',
    data: { traces: all },
    body: html`<h1>Traces</h1>
      <p class="quiet">A request and all it caused: cache, jobs, steps, messages.</p>
      ${table(
        ['Started', 'Began with', 'Records', 'Took'],
        all.map(
          (trace) =>
            html`<tr>
              <td class="t">${time(trace.startedAt)}</td>
              <td class="w">
                <a href="${base}/traces/${trace.traceId}">${short(trace.name, 300)}</a>
                ${trace.failed && badge('failed')}
              </td>
              <td class="n">${trace.records}</td>
              <td class="n">${milliseconds(trace.durationMs)}</td>
            </tr>`,
        ),
        'No trace has been recorded.',
      )}`,
  }
}

/** The deepest level that is indented; deeper ones are drawn like it. */
const DEEPEST = 8

export function tracePage(journal: Journal, base: string, traceId: string): Page | undefined {
  const rows = traceRows(journal, traceId)
  if (rows.length === 0) return undefined
  const startedAt = least(rows.map(({ record }) => record.ts))
  const total = endOf(rows.map(({ record }) => record)) - startedAt
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
              <td class="n">+${milliseconds(record.ts - startedAt)}</td>
              <td class="w"><div class="d${Math.min(depth, DEEPEST)}">${what(record, base)}</div></td>
              <td class="n">${durationOf(record) > 0 && milliseconds(durationOf(record))}</td>
              <td class="wide">${bar(record.ts - startedAt, durationOf(record), total, isFailure(record))}</td>
            </tr>`,
        ),
        '',
      )}`,
  }
}

/** Returns the end of the last operation: a record that arrived long after it must not shrink the bars. */
function endOf(records: readonly JournalRecord[]): number {
  const operations = records.filter((record) => durationOf(record) > 0)
  return most((operations.length > 0 ? operations : records).map((record) => record.ts + durationOf(record)))
}

function what(record: JournalRecord, base: string): Markup {
  const title = short(titleOf(record), 200)
  const isError = record.kind === 'error'
  const link = isError
    ? html`<a href="${base}/errors/${addressOf(record.fingerprint ?? record.name)}">${title}</a>`
    : title
  const outcome = isError ? '' : isFailure(record) ? 'error' : textOf(attributesOf(record)['outcome'])
  const from = textOf(record.payload['receivedFrom'])
  return html`<span class="badge kind ${isError && 'bad'}">${short(record.kind, 40)}</span> ${link} ${badge(outcome)}
    ${from !== '' && html`<span class="quiet">from ${short(from, 40)}</span>`}`
}
