import type { Health, Journal, JournalRecord } from '@msc/core'
import { durationOf, isFailure, issues, runs, title, traceRecords, traces, type Run } from '../views.ts'
import { html, type Markup } from './html.ts'

/** What a page shows, and the same as data. */
export interface Page {
  readonly title: string
  readonly body: Markup
  readonly data: unknown
}

/** @param base The console's own path, without a slash at its end. */
export function errorsPage(journal: Journal, base: string): Page {
  const all = issues(journal)
  return {
    title: 'Errors',
    data: { issues: all },
    body: html`<h1>Errors</h1>
      <p class="quiet">Grouped by what failed. The newest are at the top.</p>
      ${table(
        ['Issue', 'Events', 'Users', 'Last seen'],
        all.map(
          (issue) =>
            html`<tr>
              <td class="w"><a href="${base}/errors/${encodeURIComponent(issue.fingerprint)}">${issue.name}</a></td>
              <td class="n">${issue.count}</td>
              <td class="n">${issue.users}</td>
              <td class="t">${time(issue.lastSeen)}</td>
            </tr>`,
        ),
        'No error has been captured.',
      )}`,
  }
}

export function errorPage(journal: Journal, base: string, fingerprint: string): Page | undefined {
  const issue = issues(journal).find((each) => each.fingerprint === fingerprint)
  if (!issue) return undefined
  const { payload, traceId, userId, release, ts } = issue.latest
  const errors = list(payload['errors'])
  const breadcrumbs = list(payload['breadcrumbs'])
  const facts: [string, Markup | string | undefined][] = [
    ['Last seen', `${time(ts)} UTC`],
    ['First seen', `${time(issue.firstSeen)} UTC`],
    ['Events', String(issue.count)],
    ['User', userId],
    ['Release', release],
    ['Handled', payload['handled'] === false ? 'no' : 'yes'],
    ['Trace', traceId === undefined ? undefined : html`<a href="${base}/traces/${traceId}">${traceId}</a>`],
    ...Object.entries(record(payload['tags'])).map(([name, value]): [string, string] => [name, String(value)]),
  ]
  return {
    title: issue.name,
    data: { issue },
    body: html`<h1>${issue.name}</h1>
      <div class="card">
        <dl>
          ${facts.map(
            ([name, value]) =>
              value !== undefined &&
              html`<dt>${name}</dt>
                <dd>${value}</dd>`,
          )}
        </dl>
      </div>
      ${errors.map(
        (error, index) =>
          html`<h2>${index === 0 ? 'Stack' : `Caused by ${string(error['name'])}: ${string(error['message'])}`}</h2>
            <div class="card"><pre>${string(error['stack']) || string(error['message'])}</pre></div>`,
      )}
      <h2>Breadcrumbs</h2>
      ${table(
        ['Time', 'Category', 'What happened'],
        breadcrumbs.map(
          (each) =>
            html`<tr>
              <td class="t">${time(Number(each['timestamp']))}</td>
              <td><span class="badge">${string(each['category'])}</span></td>
              <td class="w">${string(each['message'])}</td>
            </tr>`,
        ),
        'Nothing was noted before it.',
      )}
      <h2>Extra</h2>
      <div class="card"><pre>${JSON.stringify(payload['extra'] ?? {}, null, 2)}</pre></div>`,
  }
}

export function eventsPage(journal: Journal, base: string): Page {
  const all = journal.query({ kinds: ['event', 'exposure', 'message'], limit: 200 })
  return {
    title: 'Events',
    data: { events: all },
    body: html`<h1>Events</h1>
      <p class="quiet">What people did, flags they were shown, and messages.</p>
      ${table(
        ['Time', 'Event', 'Who', 'Properties'],
        all.map(
          (each) =>
            html`<tr>
              <td class="t">${time(each.ts)}</td>
              <td>
                ${each.traceId === undefined ? each.name : html`<a href="${base}/traces/${each.traceId}">${each.name}</a>`}
              </td>
              <td class="w">${each.userId ?? '–'}</td>
              <td class="w"><code>${compact(each.payload['properties'] ?? each.payload)}</code></td>
            </tr>`,
        ),
        'No event has been recorded.',
      )}`,
  }
}

export function runsPage(journal: Journal, base: string): Page {
  const all = runs(journal).slice(0, 200)
  return {
    title: 'Runs',
    data: { runs: all },
    body: html`<h1>Runs</h1>
      <p class="quiet">Jobs and their steps.</p>
      ${table(
        ['Started', 'Job', 'Outcome', 'Steps', 'Took'],
        all.map(
          (run) =>
            html`<tr>
              <td class="t">${time(run.startedAt)}</td>
              <td><a href="${base}/runs/${encodeURIComponent(run.runId)}">${run.job}</a></td>
              <td>${outcome(run.outcome)}</td>
              <td class="n">${run.steps.length}</td>
              <td class="n">${milliseconds(run.durationMs)}</td>
            </tr>`,
        ),
        'No job has run.',
      )}`,
  }
}

export function runPage(journal: Journal, base: string, runId: string): Page | undefined {
  const run = runs(journal).find((each) => each.runId === runId)
  if (!run) return undefined
  return {
    title: run.job,
    data: { run },
    body: html`<h1>${run.job}</h1>
      <p class="quiet">
        ${outcome(run.outcome)} ${time(run.startedAt)} UTC, ${milliseconds(run.durationMs)}
        ${run.traceId !== undefined && html` · <a href="${base}/traces/${run.traceId}">trace ${run.traceId}</a>`}
      </p>
      <h2>Steps</h2>
      ${steps(run)}`,
  }
}

function steps(run: Run): Markup {
  return table(
    ['Step', 'Outcome', 'Attempt', 'Took', ''],
    run.steps.map(
      (step) =>
        html`<tr>
          <td class="w">${step.name}</td>
          <td>${outcome(step.outcome)}</td>
          <td class="n">${step.attempt}</td>
          <td class="n">${milliseconds(step.durationMs)}</td>
          <td class="wide">
            ${bar(step.startedAt - run.startedAt, step.durationMs, run.durationMs, step.outcome === 'error')}
          </td>
        </tr>`,
    ),
    'No step has run.',
  )
}

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
                <a href="${base}/traces/${trace.traceId}">${trace.name}</a> ${trace.failed && outcome('failed')}
              </td>
              <td class="n">${trace.records}</td>
              <td class="n">${milliseconds(trace.durationMs)}</td>
            </tr>`,
        ),
        'No trace has been recorded.',
      )}`,
  }
}

export function tracePage(journal: Journal, traceId: string): Page | undefined {
  const records = traceRecords(journal, traceId)
  const first = records[0]
  if (!first) return undefined
  const total = Math.max(...records.map((each) => each.ts + durationOf(each))) - first.ts
  return {
    title: `Trace ${traceId.slice(0, 8)}`,
    data: { traceId, records },
    body: html`<h1>Trace <code>${traceId}</code></h1>
      <p class="quiet">${records.length} records over ${milliseconds(total)}, from ${time(first.ts)} UTC.</p>
      ${table(
        ['At', 'What', 'Took', ''],
        records.map(
          (each) =>
            html`<tr>
              <td class="n">+${milliseconds(each.ts - first.ts)}</td>
              <td class="w">
                <span class="badge">${each.kind}</span> ${title(each)}
                ${isFailure(each) ? outcome('error') : outcomeOf(each)}
              </td>
              <td class="n">${durationOf(each) > 0 && milliseconds(durationOf(each))}</td>
              <td class="wide">${bar(each.ts - first.ts, durationOf(each), total, isFailure(each))}</td>
            </tr>`,
        ),
        '',
      )}`,
  }
}

export function systemsPage(health: readonly Health[]): Page {
  return {
    title: 'Systems',
    data: { services: health },
    body: html`<h1>Systems</h1>
      <p class="quiet">A round trip to each, made for this page.</p>
      ${table(
        ['Concern', 'Driver', 'Status', 'Latency', 'Numbers'],
        health.map(
          (each) =>
            html`<tr>
              <td>${each.concern}</td>
              <td><code>${each.driver}</code></td>
              <td>${outcome(each.status)}</td>
              <td class="n">${each.latencyMs !== undefined && milliseconds(each.latencyMs)}</td>
              <td class="w"><code>${compact(each.stats ?? {})}</code> ${each.detail}</td>
            </tr>`,
        ),
        'No service is composed.',
      )}`,
  }
}

function table(heads: readonly string[], rows: readonly Markup[], empty: string): Markup {
  if (rows.length === 0) return html`<div class="card empty">${empty}</div>`
  const numeric = new Set(['Events', 'Users', 'Steps', 'Took', 'Records', 'Attempt', 'At', 'Latency'])
  return html`<div class="card scroll">
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th class="${numeric.has(head) ? 'n' : head === '' ? 'wide' : ''}">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`
}

/** Attributes of an SVG, not a style: the page's policy forbids inline styles. */
function bar(startMs: number, durationMs: number, totalMs: number, bad: boolean): Markup {
  const total = Math.max(totalMs, 0.001)
  const x = Math.min(99, (100 * startMs) / total)
  const width = Math.max(1, Math.min(100 - x, (100 * durationMs) / total))
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
    <rect class="${bad ? 'bad' : ''}" x="${x.toFixed(2)}" y="0" width="${width.toFixed(2)}" height="8" rx="1"></rect>
  </svg>`
}

function outcome(value: string): Markup {
  const bad = value === 'failed' || value === 'error' || value === 'down'
  return html`<span class="badge ${bad ? 'bad' : ''}">${value}</span>`
}

function outcomeOf(each: JournalRecord): Markup | undefined {
  const value = record(each.payload['attributes'])['outcome']
  return typeof value === 'string' ? outcome(value) : undefined
}

function time(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(5, 23).replace('T', ' ') : '–'
}

function milliseconds(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

function compact(value: unknown): string {
  const text = JSON.stringify(value) ?? ''
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(record) : []
}
function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
function string(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
