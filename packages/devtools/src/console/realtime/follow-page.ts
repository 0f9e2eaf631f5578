import { redact, toError } from '@msc/core'
import { html, type Markup } from '../html.ts'
import { badge, json, short, table, time, type Page } from '../parts.ts'
import type { Follow, Follows } from './follows.ts'
import { counted, size } from './head.ts'
import type { RealtimeMessage, RealtimePort } from './port.ts'
import { name, roomQuery, visible, type RoomName } from './topic.ts'

const REFRESH_SECONDS = 3
/** Of a text that was cut, the end is not shown: half of a secret would not be known for one. */
const CUT_END = 500
const MAX_SHOWN = 1000

/** @param query `payloads`: shows them, redacted. `paused`: does not load itself again. */
export function followPage(
  port: RealtimePort,
  base: string,
  room: RoomName,
  { query, follows }: { readonly query: URLSearchParams; readonly follows: Follows },
): Page {
  const withPayloads = query.get('payloads') === '1'
  const isPaused = query.get('paused') === '1'
  const link = (payloads: boolean, paused: boolean): string =>
    `${base}/realtime/follow?${roomQuery(room, { ...(payloads && { payloads: '1' }), ...(paused && { paused: '1' }) })}`
  let follow: Follow
  try {
    follow = follows.look(port, room)
  } catch (error) {
    return full(room, base, toError(error).message)
  }
  const shown = follow.messages.map(({ text, ...rest }) => ({
    ...rest,
    ...(withPayloads && text !== undefined && { payload: safePayload({ ...rest, text }) }),
  }))
  return {
    title: `Following ${short(visible(room.topic), 80)}`,
    ...(!isPaused && { refreshSeconds: REFRESH_SECONDS }),
    data: { ...room, ...follow, messages: shown },
    body: html`<p class="quiet">
        <a href="${base}/realtime">All rooms</a> · <a href="${base}/realtime/room?${roomQuery(room)}">This room</a>
      </p>
      <h1>${name(room.topic)} ${badge(room.private ? 'private' : 'public')}</h1>
      <p class="quiet">
        ${counted(follow.count, 'message')} since ${time(follow.startedAt).slice(0, -4)} UTC, the latest first.
        ${follow.dropped > 0 && `${follow.dropped} of them were too many to show.`}
        ${isPaused ? 'Paused; a room that is not looked at for half a minute is followed no more.' : `Loads itself again every ${REFRESH_SECONDS} s.`}
      </p>
      <p class="actions">
        <a class="button" href="${link(withPayloads, !isPaused)}">${isPaused ? 'Go on' : 'Pause'}</a>
        <a class="button" href="${link(!withPayloads, isPaused)}"
          >${withPayloads ? 'Hide payloads' : 'Show payloads'}</a
        >
      </p>
      ${!withPayloads && html`<p class="quiet">Payloads are users’ data. They are shown redacted.</p>`}
      <div class="followed">
        ${table(
          ['Time', 'Event', 'Size', ...(withPayloads ? ['Payload'] : [])],
          shown.map((message) => row(message, withPayloads)),
          'Nothing was sent to this room since it is followed.',
        )}
      </div>`,
  }
}

function row(message: Omit<RealtimeMessage, 'text'> & { readonly payload?: unknown }, withPayloads: boolean): Markup {
  return html`<tr>
    <td class="t">${time(message.at).slice(6)}</td>
    <td class="w">
      ${name(short(message.event, 300))} ${message.dropped > 0 && badge(`${message.dropped} left out before`)}
    </td>
    <td class="n">${size(message.bytes)}</td>
    ${withPayloads && html`<td class="w payload"><code>${payloadText(message)}</code></td>`}
  </tr>`
}

function payloadText({ payload, isCut }: { readonly payload?: unknown; readonly isCut: boolean }): string {
  if (payload === undefined) return 'bytes'
  const text = typeof payload === 'string' && isCut ? payload : json(payload)
  return visible(short(text, MAX_SHOWN)) + (isCut && text.length <= MAX_SHOWN ? '…' : '')
}

/** What is JSON is redacted by its names; what was cut, and so is none, by its text. */
function safePayload({ text, isCut }: { readonly text: string; readonly isCut: boolean }): unknown {
  try {
    if (!isCut) return redact(JSON.parse(text) as unknown)
  } catch {
    // A payload that is too deep to be read is shown as text.
  }
  return redact(text).slice(0, isCut ? -CUT_END : undefined)
}

function full(room: RoomName, base: string, why: string): Page {
  return {
    title: 'Not followed',
    data: { ...room, error: why },
    body: html`<p class="quiet"><a href="${base}/realtime/room?${roomQuery(room)}">This room</a></p>
      <h1>${name(room.topic)}</h1>
      <div class="card empty">It can not be followed now: ${short(visible(why), 300)}</div>`,
  }
}
