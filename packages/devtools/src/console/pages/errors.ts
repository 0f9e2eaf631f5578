import type { Journal } from '@msc/core'
import { issues, type Issue } from '../../views/issues.ts'
import { objectOf, objectsOf, sourceName, textOf } from '../../views/read.ts'
import { html, type Markup } from '../html.ts'
import { badge, json, short, sourceBadge, sourceNav, table, time, type Page } from '../parts.ts'

/**
 * @param base The console's own path, without a trailing slash.
 * @param query `reference`: what a person was shown on an error page; only issues with it are listed. `source`: only its
 *   issues are listed.
 */
export function errorsPage(journal: Journal, base: string, query: URLSearchParams): Page {
  const reference = query.get('reference')
  const source = query.get('source')
  const all = issues(journal, { reference, source })
  const own = all.filter((issue) => issue.source === undefined)
  const received = all.filter((issue) => issue.source !== undefined)
  return {
    title: 'Errors',
    data: { issues: all },
    body: html`<h1>Errors</h1>
      <p class="quiet">
        ${
          reference === null
            ? 'Grouped by what failed. The newest are at the top.'
            : html`With the reference ${short(reference, 100)}. <a href="${base}/errors">Show all</a>`
        }
      </p>
      ${reference === null && sourceNav(`${base}/errors`, source)}
      ${(own.length > 0 || received.length === 0) && issueTable(own, base, reference)}
      ${
        received.length > 0 &&
        html`<h2>Received from browsers</h2>
          ${issueTable(received, base, reference)}`
      }`,
  }
}

function issueTable(all: readonly Issue[], base: string, reference: string | null): Markup {
  return table(
    ['Issue', 'Events', 'Users', 'Last seen'],
    all.map(
      (issue) =>
        html`<tr>
          <td class="w">
            <a href="${base}/errors/${issue.fingerprint}">${short(issue.name, 300)}</a>
            ${sourceBadge(issue.source)} ${issue.latest.payload['handled'] === false && badge('not handled')}
          </td>
          <td class="n">${issue.count}</td>
          <td class="n">${issue.users}</td>
          <td class="t">${time(issue.lastSeen)}</td>
        </tr>`,
    ),
    reference === null ? 'No error has been captured.' : 'No error that is kept has this reference.',
  )
}

export function errorPage(journal: Journal, base: string, fingerprint: string): Page | undefined {
  const issue = issues(journal).find((each) => each.fingerprint === fingerprint)
  if (!issue) return undefined
  const { payload } = issue.latest
  const breadcrumbs = objectsOf(payload['breadcrumbs'])
  return {
    title: short(issue.name, 100),
    data: { issue },
    body: html`<h1>${short(issue.name, 1000)} ${sourceBadge(issue.source)}</h1>
      <div class="card">
        <dl>
          ${factsOf(issue, base).map(
            ([name, value]) =>
              html`<dt>${name}</dt>
                <dd>${value}</dd>`,
          )}
        </dl>
      </div>
      ${objectsOf(payload['errors'], 20).map(errorCard)}
      <h2>Breadcrumbs</h2>
      ${table(
        ['Time', 'Category', 'What happened'],
        breadcrumbs.map(
          (each) =>
            html`<tr>
              <td class="t">${time(each['timestamp'])}</td>
              <td>${badge(textOf(each['category']))}</td>
              <td class="w">${short(textOf(each['message']), 1000)}</td>
            </tr>`,
        ),
        'There are no breadcrumbs.',
      )}
      ${more('Extra', payload['extra'])} ${more('Contexts', payload['contexts'])} ${more('Request', payload['request'])}
      ${more(issue.source === undefined ? 'User' : 'User, as the sender says', payload['user'])}`,
  }
}

function factsOf(
  { latest, source, count, users, firstSeen, lastSeen }: Issue,
  base: string,
): [string, Markup | string][] {
  const { payload, traceId, userId, release } = latest
  const trace = traceId === undefined ? '' : html`<a href="${base}/traces/${traceId}">${traceId}</a>`
  const facts: [string, Markup | string][] = [
    ['Source', source === undefined ? '' : `${sourceName(source)}: what it says is not verified`],
    ['Last seen', `${time(lastSeen)} UTC`],
    ['First seen', `${time(firstSeen)} UTC`],
    ['Events', `${count}${users > 0 ? `, of ${users} ${users === 1 ? 'user' : 'users'}` : ''}`],
    ['Level', textOf(payload['level'])],
    ['User', userId ?? ''],
    ['Release', release ?? ''],
    ['Environment', textOf(payload['environment'])],
    ['Server', textOf(payload['serverName'])],
    ['Handled', payload['handled'] === false ? 'no' : 'yes'],
    ['Reported by', textOf(payload['receivedFrom'])],
    ['Trace', trace],
    ...Object.entries(objectOf(payload['tags']))
      .slice(0, 50)
      .map(([name, value]): [string, string] => [short(name, 100), textOf(value) || short(json(value), 200)]),
  ]
  return facts.filter(([, value]) => value !== '')
}

function errorCard(error: Readonly<Record<string, unknown>>, position: number): Markup {
  const name = `${textOf(error['name'])}: ${textOf(error['message'])}`
  const source = textOf(error['source'])
  const relation = source === '' || source.includes('cause') ? 'Caused by' : `In ${source},`
  const properties = objectOf(error['properties'])
  return html`<h2>${position === 0 ? 'Stack' : `${relation} ${short(name, 300)}`}</h2>
    <div class="card">
      <pre>${short(textOf(error['stack']) || framesText(error['frames']) || name, 20_000)}</pre>
      ${Object.keys(properties).length > 0 && html`<pre class="line">${short(json(properties, 2), 5000)}</pre>`}
    </div>`
}

function framesText(frames: unknown): string {
  return objectsOf(frames, 60)
    .map((each) => `at ${textOf(each['function']) || '?'} (${textOf(each['file'])}:${textOf(each['line'])})`)
    .join('\n')
}

function more(title: string, value: unknown): Markup | undefined {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return undefined
  return html`<h2>${title}</h2>
    <div class="card"><pre>${short(json(value, 2), 20_000)}</pre></div>`
}
