import { html, type Markup } from '../html.ts'
import { badge, table, type Page } from '../parts.ts'
import { head, rate, size, verdict } from './head.ts'
import type { RealtimePort, RealtimeRoom } from './port.ts'
import { name, roomQuery } from './topic.ts'

/** @param query `search`: part of a topic's name. `after`: where the page before ended. */
export async function roomsPage(port: RealtimePort, base: string, query: URLSearchParams): Promise<Page> {
  const search = query.get('search') ?? ''
  const after = query.get('after')
  const inspection = port.inspect()
  const numbers = inspection.totals()
  const page = await inspection.rooms({ search, limit: 50, ...(after !== null && { after }) })
  const next = page.next && new URLSearchParams({ ...(search && { search }), after: page.next }).toString()
  return {
    title: 'Realtime',
    hasForms: true,
    data: { ...numbers, ...page },
    body: html`<h1>${verdict(numbers)} ${numbers.stats.health.status === 'degraded' && badge('degraded')}</h1>
      <p class="quiet">This server alone, since it was started; rates are of the last seconds.</p>
      ${head(numbers)}
      <form class="search" method="get" action="${base}/realtime" role="search">
        <label for="search">Rooms by name</label>
        <input id="search" name="search" type="search" value="${search}" maxlength="255" autocomplete="off" />
        <button>Search</button>
        ${search !== '' && html`<a href="${base}/realtime">Show all</a>`}
      </form>
      <div class="rooms">
        ${table(
          ['Room', 'Members', 'Per second', 'Users', 'Present', 'Waiting'],
          page.rooms.map((room) => row(room, base)),
          emptyText(search, after, page.total),
        )}
      </div>
      <p>
        ${after !== null && html`<a href="${base}/realtime${search && `?${new URLSearchParams({ search }).toString()}`}">First page</a> `}
        ${next && html`<a href="${base}/realtime?${next}">Smaller rooms</a>`}
      </p>`,
  }
}

function row(room: RealtimeRoom, base: string): Markup {
  return html`<tr>
    <td class="w">
      <a href="${base}/realtime/room?${roomQuery(room)}">${name(room.topic)}</a>
      ${badge(room.private ? 'private' : 'public')} ${room.kept && badge(room.kept)}
    </td>
    <td class="n">${room.members}</td>
    <td class="n">${rate(room.messagesPerSecond)}</td>
    <td class="n">${room.users}</td>
    <td class="n">${room.present}</td>
    <td class="n">${size(room.waitingBytes)}</td>
  </tr>`
}

function emptyText(search: string, after: string | null, total: number): string {
  if (total === 0) return 'No room has a member. A room is there as soon as somebody joins its topic.'
  if (after !== null) return 'There are no smaller rooms.'
  return search === '' ? 'No room has a member.' : `None of ${total} rooms has this in its name.`
}
