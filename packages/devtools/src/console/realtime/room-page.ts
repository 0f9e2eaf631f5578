import { html, type Markup } from '../html.ts'
import { badge, short, table, time, type Page } from '../parts.ts'
import { counted, fact, rate, size } from './head.ts'
import type { RealtimeMember, RealtimePort } from './port.ts'
import { name, roomQuery, visible, type RoomName } from './topic.ts'

/** A `sub` that is longer was cut, and nobody would be found by it. */
const MAX_SUB = 999

/**
 * @param token Of its forms.
 * @param query `after`: the last member of the page before. `kicked`: how many a form has just sent away.
 */
export function roomPage(
  port: RealtimePort,
  base: string,
  room: RoomName,
  { query, token }: { readonly query: URLSearchParams; readonly token: string },
): Page {
  const after = wholeNumber(query.get('after'))
  const kicked = wholeNumber(query.get('kicked'))
  const found = port.inspect().room(room.topic, room.private, { limit: 50, ...(after !== undefined && { after }) })
  return {
    title: short(visible(room.topic), 100),
    hasForms: true,
    data: found,
    body: html`<p class="quiet"><a href="${base}/realtime">All rooms</a></p>
      <h1>${name(room.topic)} ${badge(room.private ? 'private' : 'public')} ${found.kept && badge(found.kept)}</h1>
      ${
        kicked !== undefined &&
        html`<p class="card note" role="status">
          ${kicked === 0 ? 'Nobody on this server was meant.' : `${counted(kicked, 'member')} of this server sent away.`}
        </p>`
      }
      <dl class="facts">
        ${fact('Members', found.members, `of ${counted(found.users, 'user')}`)}
        ${fact('Present', found.present, 'on all servers')}
        ${fact('Messages', `${rate(found.messagesPerSecond)}/s`, 'of late')}
        ${fact('Waiting', size(found.waitingBytes), 'of messages')}
      </dl>
      <p><a class="button" href="${base}/realtime/follow?${roomQuery(room)}">Follow what is sent here</a></p>
      <h2>Members</h2>
      <div class="members">
        ${table(
          ['Who', 'Transport', 'Joined (UTC)', 'Presence', 'Session'],
          found.list.map((member) => row(member, kickForm(base, token, room, member.sub))),
          after === undefined ? 'Nobody is here.' : 'Nobody came later.',
        )}
      </div>
      ${
        found.next !== undefined &&
        html`<p>
          <a href="${base}/realtime/room?${roomQuery(room, { after: String(found.next) })}">Who came later</a>
        </p>`
      }
      ${found.members > 0 && kickForm(base, token, room, undefined, 'Kick everybody…')}
      <h2>Refused of late</h2>
      ${table(
        ['Last', 'Why', 'Count'],
        found.refusedOfLate.map(
          (each) =>
            html`<tr>
              <td class="t">${time(each.lastAt)}</td>
              <td class="w"><code>${short(each.code, 100)}</code></td>
              <td class="n">${each.count}</td>
            </tr>`,
        ),
        'Nothing was refused in this topic in the last ten minutes.',
      )}`,
  }
}

function row({ sub, session, transport, joinedAt, presenceKey }: RealtimeMember, form: Markup): Markup {
  return html`<tr>
    <td class="w">
      <div class="member">
        ${sub === undefined ? html`<span class="quiet">no account</span>` : name(short(sub, 300))}
        ${sub !== undefined && sub.length <= MAX_SUB && form}
      </div>
    </td>
    <td>${short(visible(transport), 40)}</td>
    <td class="t">${time(joinedAt).slice(0, -4)}</td>
    <td class="w">${presenceKey === undefined ? html`<span class="quiet">–</span>` : name(presenceKey)}</td>
    <td><code>${session === undefined ? '–' : `${visible(session)}…`}</code></td>
  </tr>`
}

/** What it does is said before it is done; without a script, opening it is the question whether to. */
function kickForm(base: string, token: string, room: RoomName, sub?: string, label = 'Kick…'): Markup {
  const whom = sub === undefined ? 'everybody' : short(visible(sub), 60)
  return html`<details class="kick">
    <summary>${label}</summary>
    <form method="post" action="${base}/realtime/kick">
      <input type="hidden" name="token" value="${token}" />
      <input type="hidden" name="topic" value="${JSON.stringify(room.topic)}" />
      <input type="hidden" name="kind" value="${room.private ? 'private' : 'public'}" />
      ${sub !== undefined && html`<input type="hidden" name="sub" value="${JSON.stringify(sub)}" />`}
      <p>
        Takes <bdi>${whom}</bdi> out of this room, on every connection and every server. Connections stay, and clients
        may join again
        <select name="for" aria-label="When they may join again">
          <option value="0">at once</option>
          <option value="60">after a minute</option>
          <option value="600">after ten minutes</option>
        </select>
      </p>
      <button class="danger">Kick <bdi>${whom}</bdi></button>
    </form>
  </details>`
}

function wholeNumber(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
