import type { Health } from '@msc/core'
import { html } from '../html.ts'
import { badge, compact, milliseconds, table, type Page } from '../parts.ts'

export async function systemsPage(ask: () => Promise<readonly Health[]>): Promise<Page> {
  const services = await ask().catch(() => undefined)
  if (!services) {
    return {
      title: 'Systems',
      data: { services: [] },
      body: html`<h1>Systems</h1>
        <div class="card empty">The health of the services could not be read.</div>`,
    }
  }
  return {
    title: 'Systems',
    data: { services },
    body: html`<h1>Systems</h1>
      <p class="quiet">A round trip to each, made for this page.</p>
      ${table(
        ['Concern', 'Driver', 'Status', 'Latency', 'Numbers'],
        services.map(
          (each) =>
            html`<tr>
              <td>${each.concern}</td>
              <td><code>${each.driver}</code></td>
              <td>${badge(each.status)}</td>
              <td class="n">${each.latencyMs !== undefined && milliseconds(each.latencyMs)}</td>
              <td class="w"><code>${compact(each.stats ?? {})}</code> ${each.detail}</td>
            </tr>`,
        ),
        'There are no services.',
      )}`,
  }
}
