import type { RealtimeStats } from './stats.ts'

type Labels = Readonly<Record<string, string>>
type Sample = readonly [value: number, labels?: Labels]

interface Family {
  /** Without the `_total` of a counter. */
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: readonly Sample[]
}

export type MetricsFormat = 'openmetrics' | 'prometheus'

/** The media types of the two formats, as their specifications name them. */
export const METRICS_TYPES: Readonly<Record<MetricsFormat, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
}

/**
 * A server's numbers as a scraper reads them, in base units: seconds and bytes.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 * @see https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
export function metricsText(stats: RealtimeStats, format: MetricsFormat): string {
  const lines: string[] = []
  for (const { name, type, help, samples } of familiesOf(stats)) {
    if (samples.length === 0) continue
    const counted = type === 'counter' ? `${name}_total` : name
    // OpenMetrics names the family, and the older format the sample.
    const described = format === 'openmetrics' ? name : counted
    lines.push(`# HELP ${described} ${help}`, `# TYPE ${described} ${type}`)
    // A source of the application's own may say anything; the formats have no word for what JavaScript makes of it.
    for (const [value, labels] of samples) {
      if (Number.isFinite(value)) lines.push(`${counted}${labelText(labels)} ${value}`)
    }
  }
  if (format === 'openmetrics') lines.push('# EOF')
  return `${lines.join('\n')}\n`
}

function familiesOf(stats: RealtimeStats): readonly Family[] {
  const { feeds, bus, history } = stats
  return [
    gauge('connections', 'Open connections.', ...labelled('transport', stats.connectionsBy)),
    gauge('rooms', 'Rooms with a member.', [stats.rooms]),
    gauge('members', 'Connections in rooms.', [stats.members]),
    gauge('waiting_bytes', 'Bytes of messages that wait in rooms.', [stats.waitingBytes]),
    counter('joins', 'Joins of rooms.', [stats.joins]),
    counter('leaves', 'Ends of memberships.', [stats.leaves]),
    counter('broadcasts', 'Messages that were taken for a room.', [stats.broadcasts]),
    counter('deliveries', 'Frames that were sent to members of rooms.', [stats.deliveries]),
    counter('refused', 'What was refused or dropped, by reason.', ...labelled('code', stats.refused)),
    counter('dropped_frames', 'Frames that were refused by a limit, or are none.', [stats.dropped]),
    counter('kicked', 'Members that were sent out of a topic.', [stats.kicked]),
    counter('ended', 'Connections that were ended by name.', [stats.ended]),
    gauge('degraded', '1 while the server is not as it should be.', [stats.health.reasons.length > 0 ? 1 : 0]),
    ...(feeds ? ofFeeds(feeds) : []),
    ...(bus ? ofBus(bus) : []),
    ...(history
      ? [
          gauge('history_topics', 'Channels of which messages are kept in this process.', [history.topics]),
          gauge('history_messages', 'Messages of channels that are kept in this process.', [history.messages]),
          gauge('history_bytes', 'What these weigh.', [history.bytes]),
        ]
      : []),
  ]
}

function ofFeeds(feeds: NonNullable<RealtimeStats['feeds']>): readonly Family[] {
  const { mode, isDeaf, waiting, lagMs = 0, pruneLagMs, gaps = 0, outbox } = feeds
  return [
    gauge('feed_heard', '1 while the database is listened to.', [mode === 'listening' && !isDeaf ? 1 : 0]),
    gauge('feed_waiting_rows', 'Rows that were announced and are not read yet.', [waiting]),
    gauge('feed_lag_seconds', 'For how long the first of these has waited.', [lagMs / 1000]),
    gauge('feed_prune_lag_seconds', 'By how much the oldest row is older than it should be.', [pruneLagMs / 1000]),
    counter('feed_gaps', 'Reads that began where nothing is kept any more.', [gaps]),
    ...(outbox
      ? [
          gauge('outbox_rows', 'Rows of the outbox, estimated.', [outbox.rows]),
          gauge('outbox_bytes', 'Size of the outbox with its indexes.', [outbox.bytes]),
        ]
      : []),
  ]
}

function ofBus(bus: NonNullable<RealtimeStats['bus']>): readonly Family[] {
  const labels = { bus: bus.name }
  return [
    gauge('bus_others', 'Other processes that are heard.', [bus.others, labels]),
    gauge('bus_waiting_messages', 'Messages that wait to be sent.', [bus.waiting, labels]),
    gauge('bus_failing', '1 while it can not be sent over.', [bus.failing ? 1 : 0, labels]),
    gauge('bus_heard', '1 while the other processes can be heard.', [bus.isDeaf ? 0 : 1, labels]),
    counter('bus_sent', 'Messages that were sent.', [bus.sent, labels]),
    counter('bus_received', 'Broadcasts that were received.', [bus.received, labels]),
    counter('bus_refused', 'Frames that no server of ours had signed, or that came late.', [bus.refused, labels]),
    counter('bus_dropped', 'Messages that were dropped.', [bus.dropped, labels]),
    counter('bus_gaps', 'Times that members were told of a gap.', [bus.gaps, labels]),
  ]
}

const gauge = (name: string, help: string, ...samples: readonly Sample[]): Family => ({
  name: `msc_realtime_${name}`,
  type: 'gauge',
  help,
  samples,
})
const counter = (name: string, help: string, ...samples: readonly Sample[]): Family => ({
  ...gauge(name, help, ...samples),
  type: 'counter',
})

function labelled(label: string, values: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(values).map(([name, value]) => [value, { [label]: name }])
}

function labelText(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const escapeLabel = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
