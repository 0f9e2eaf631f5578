import type { Journal, JournalRecord } from '@msc/core'
import { durationOf } from '../../views/describe.ts'
import { fromSource, read } from '../../views/read.ts'
import { html } from '../html.ts'
import { badge, compact, milliseconds, short, sourceBadge, sourceNav, table, time, type Page } from '../parts.ts'

/** The kinds on this page; errors, runs and spans have pages of their own. */
const KINDS = ['event', 'exposure', 'message', 'log', 'feedback', 'check-in', 'session', 'metric', 'breadcrumb']

/** @param query `kind`: shows only this kind; any unknown value shows all kinds. `source`: shows only its records. */
export function eventsPage(journal: Journal, base: string, query: URLSearchParams): Page {
  const kind = query.get('kind')
  const source = query.get('source')
  const chosen = KINDS.find((each) => each === kind)
  const kinds = chosen === undefined ? KINDS : [chosen]
  const all = read(journal, { kinds, limit: 200, ...fromSource(source) })
  const sent = source === null ? '' : `source=${encodeURIComponent(source)}`
  return {
    title: 'Events',
    data: { events: all },
    body: html`<h1>Events</h1>
      <p class="quiet">What people did, flags they were shown, messages, and what else was reported.</p>
      <nav class="kinds" aria-label="Kinds">
        <a href="${base}/events${sent && `?${sent}`}" ${chosen === undefined && html`aria-current="page"`}>all</a>
        ${KINDS.map(
          (each) =>
            html`<a
              href="${base}/events?kind=${each}${sent && `&${sent}`}"
              ${each === chosen && html`aria-current="page"`}
              >${each}</a
            > `,
        )}
      </nav>
      ${sourceNav(`${base}/events${chosen === undefined ? '' : `?kind=${chosen}`}`, source)}
      ${table(
        ['Time', 'Kind', 'What', 'Who', 'More'],
        all.map(
          (each) =>
            html`<tr>
              <td class="t">${time(each.ts)}</td>
              <td>${badge(each.kind)} ${sourceBadge(each.source)}</td>
              <td class="w">
                ${
                  each.traceId === undefined
                    ? short(each.name, 300)
                    : html`<a href="${base}/traces/${each.traceId}">${short(each.name, 300)}</a>`
                }
                ${durationOf(each) > 0 && html`<span class="quiet">${milliseconds(durationOf(each))}</span>`}
              </td>
              <td class="who" title="${each.userId}">${each.userId ?? '–'}</td>
              <td class="w"><code>${more(each)}</code></td>
            </tr>`,
        ),
        chosen === undefined ? 'No event has been recorded.' : `No record of the kind ${chosen}.`,
      )}`,
  }
}

/** Members of a payload that are shown in another column, or are of no interest here. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set([
  'eventId',
  'fingerprint',
  'fingerprintChosen',
  'durationMs',
  'name',
  'message',
])

function more({ payload }: JournalRecord): string {
  const { properties } = payload
  if (properties !== undefined) return compact(properties)
  const telling = Object.entries(payload).filter(([name, value]) => !SHOWN_ELSEWHERE.has(name) && !isEmpty(value))
  return telling.length === 0 ? '' : compact(Object.fromEntries(telling))
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === undefined || value === null || value === ''
}
