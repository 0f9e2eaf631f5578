import { html, type Markup } from '../html.ts'
import { milliseconds } from '../parts.ts'
import type { RealtimeTotals } from './port.ts'
import { visible } from './topic.ts'

/** What is true of the server as a whole, in one line. */
export function verdict({ stats }: RealtimeTotals): string {
  const { connections, rooms } = stats
  if (stats.health.status === 'degraded') {
    const reasons = stats.health.reasons.map((reason) => MEANINGS.get(reason) ?? reason)
    return `Degraded: ${reasons.join('; ') || 'it does not say why'}`
  }
  return connections === 0
    ? 'Nobody is connected'
    : `${counted(connections, 'connection')} in ${counted(rooms, 'room')}`
}

const MEANINGS = new Map([
  ['FEEDS_NOT_HEARD', 'the database is not listened to'],
  ['FEEDS_LATE', 'rows of feeds wait for more than 30 s'],
  ['PRUNING_LATE', 'old rows of the outbox are deleted more than an hour late'],
  ['OUTBOX_GROWS', 'the outbox grows faster than it is pruned'],
  ['BUS_FAILING', 'other servers can not be told anything'],
  ['BUS_NOT_HEARD', 'other servers are not heard'],
  ['ROOMS_WAIT', 'more than half of what may wait in rooms waits'],
])

/** Totals and rates of the server, and how its feeds and its bus are doing. */
export function head({ stats, perSecond }: RealtimeTotals): Markup {
  const { connectionsBy, feeds, bus, history } = stats
  const ways = Object.entries(connectionsBy).filter(([, count]) => count > 0)
  const refused = Object.entries(stats.refused).toSorted(([, one = 0], [, other = 0]) => other - one)
  return html`<dl class="facts">
    ${fact('Connections', stats.connections, ways.map(([way, count]) => `${count} ${way}`).join(', '))}
    ${fact('In rooms', stats.members, `${rate(perSecond.joins)} joins, ${rate(perSecond.leaves)} leaves a second`)}
    ${fact('Messages', `${rate(perSecond.broadcasts)}/s`, `${rate(perSecond.deliveries)} deliveries a second`)}
    ${fact(
      'Refused',
      `${rate(perSecond.refused)}/s`,
      refused
        .slice(0, 3)
        .map(([code, count]) => `${count} ${code}`)
        .join(', ') || 'none since the start',
    )}
    ${fact('Waiting', size(stats.waitingBytes), 'of messages in rooms')}
    ${
      feeds &&
      fact(
        'Feeds',
        feeds.mode,
        `${counted(feeds.waiting, 'row')} behind${(feeds.lagMs ?? 0) > 0 ? `, for ${milliseconds(feeds.lagMs ?? 0)}` : ''}` +
          (feeds.outbox ? `; outbox about ${counted(feeds.outbox.rows, 'row')}, ${size(feeds.outbox.bytes)}` : ''),
      )
    }
    ${
      bus &&
      fact(
        'Bus',
        bus.failing ? 'failing' : visible(bus.name),
        `${counted(bus.others, 'other process', 'other processes')}, ${bus.waiting} waiting, ${bus.dropped} dropped`,
      )
    }
    ${history && fact('History', counted(history.messages, 'message'), `of ${counted(history.topics, 'topic')}, ${size(history.bytes)}`)}
  </dl>`
}

export function fact(label: string, value: string | number, more: string): Markup {
  return html`<div>
    <dt>${label}</dt>
    <dd><strong>${value}</strong> <span class="quiet">${more}</span></dd>
  </div>`
}

export function rate(perSecond: number): string {
  if (!(perSecond > 0)) return '0'
  return perSecond < 10 ? perSecond.toFixed(1) : String(Math.round(perSecond))
}

export function size(bytes: number): string {
  if (bytes >= 1024 * 1024) return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
  return bytes >= 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${bytes} B`
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
