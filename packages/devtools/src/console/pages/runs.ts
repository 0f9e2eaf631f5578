import type { Journal } from '@msc/core'
import { runs, type Run } from '../../views/runs.ts'
import { html, type Markup } from '../html.ts'
import { badge, bar, milliseconds, short, table, time, type Page } from '../parts.ts'

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
              <td class="w"><a href="${base}/runs/${run.runId}">${short(run.job, 200)}</a></td>
              <td>${badge(run.outcome)}</td>
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
    title: short(run.job, 100),
    data: { run },
    body: html`<h1>${short(run.job, 300)}</h1>
      <p class="quiet">
        ${badge(run.outcome)} ${time(run.startedAt)} UTC, ${milliseconds(run.durationMs)}
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
          <td class="w">${short(step.name, 200)}</td>
          <td>${badge(step.outcome)}</td>
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
