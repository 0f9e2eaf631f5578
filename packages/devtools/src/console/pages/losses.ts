import type { Journal } from '@msc/core'
import { losses, type Loss } from '../../views/losses.ts'
import { html, type Markup } from '../html.ts'
import { short, sourceBadge, table, time, type Page } from '../parts.ts'

export function lossesPage(journal: Journal): Page {
  const all = losses(journal)
  const { dropped } = journal
  const own = all.filter(({ source }) => source === undefined)
  const received = all.filter(({ source }) => source !== undefined)
  return {
    title: 'Losses',
    data: { losses: all, journalDropped: dropped },
    body: html`<h1>Losses</h1>
      <p class="quiet">
        What was reported and is not here: no place for it, too much at once, or lost on its way.
        ${dropped > 0 && `The journal itself lost ${dropped} records.`}
      </p>
      ${(own.length > 0 || received.length === 0) && lossTable(own)}
      ${
        received.length > 0 &&
        html`<h2>Of what browsers sent</h2>
          ${lossTable(received)}`
      }`,
  }
}

function lossTable(all: readonly Loss[]): Markup {
  return table(
    ['Last seen', 'Where', 'What', 'Why', 'Count'],
    all.map(
      (each) =>
        html`<tr>
          <td class="t">${time(each.lastSeen)}</td>
          <td>${short(each.where, 100)} ${sourceBadge(each.source)}</td>
          <td class="w"><code>${short(each.what, 200)}</code></td>
          <td>${short(each.reason, 100)}</td>
          <td class="n">${each.count}</td>
        </tr>`,
    ),
    'Nothing was lost.',
  )
}
