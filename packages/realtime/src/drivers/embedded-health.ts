import type * as Core from '@msc/core'
import type { BusPublisher } from '../bus/publisher.ts'
import type { RealtimeHub } from '../client/hub.ts'
import type { OutgoingMessage } from '../driver.ts'

// A page that never asks for its health does not carry this. What the page has loaded already is passed in.

export interface HealthPorts {
  /** The servers of this process. */
  readonly hubs: ReadonlySet<RealtimeHub>
  /** The address of the server, without a slash at its end. */
  readonly base: string | undefined
  readonly DriverError: typeof Core.DriverError
  readonly clock: Core.Clock
}

/**
 * @throws DriverError when the server can not be reached, or what answers is none; `DRIVER_DEGRADED` when the server says that it
 *   is not as it should be.
 */
export async function checkHealth({ hubs, base, DriverError, clock }: HealthPorts, signal: AbortSignal): Promise<void> {
  for (const hub of hubs) assertWell(hub.stats?.().health, DriverError)
  if (hubs.size > 0) return
  if (!base) throw notStarted({ DriverError })
  const { judgeAnswer, readAnswer } = await import('@msc/core/http-answer')
  const unreachable = (cause: unknown): never => {
    throw new DriverError('embedded', 'The server can not be reached.', {
      code: 'DRIVER_UNREACHABLE',
      retryable: true,
      cause,
    })
  }
  const response = await fetch(`${base.replace(/^ws/, 'http')}/health`, { signal }).catch(unreachable)
  const answer = await readAnswer(response, signal).catch(unreachable)
  const problem = judgeAnswer(answer, {
    credentials: 'Check the api key.',
    address: 'Check the address of the realtime server.',
    now: clock.now,
  })
  if (problem) throw new DriverError('embedded', problem.message, problem)
  const { content } = answer
  let health: unknown
  try {
    health = JSON.parse(content.text)
  } catch {
    // A server of before said no more than that it is there.
  }
  assertWell(health, DriverError)
}

/** What each reason means. One that is not here is of a newer server, and is shown as it is if it has the form of one. */
const MEANINGS: Readonly<Record<string, string>> = {
  FEEDS_NOT_HEARD: 'the database is not listened to',
  FEEDS_LATE: 'rows of feeds wait for more than 30 s',
  PRUNING_LATE: 'old rows of the outbox are deleted more than an hour late',
  OUTBOX_GROWS: 'the outbox grows faster than it is pruned',
  BUS_FAILING: 'other servers can not be told anything',
  BUS_NOT_HEARD: 'other servers are not heard',
  ROOMS_WAIT: 'more than half of what may wait in rooms waits',
}
const REASON = /^[A-Z][A-Z_]{0,39}$/
const MAX_REASONS = 10

/** A server that is only a little ill does its work. What it says of itself may be anything. */
function assertWell(health: unknown, DriverError: HealthPorts['DriverError']): void {
  const { status, reasons } = (health ?? {}) as { readonly status?: unknown; readonly reasons?: unknown }
  if (status !== 'degraded') return
  const known = (Array.isArray(reasons) ? reasons.slice(0, MAX_REASONS) : [])
    .filter((reason): reason is string => typeof reason === 'string' && REASON.test(reason))
    .map((reason) => (Object.hasOwn(MEANINGS, reason) ? MEANINGS[reason] : reason))
  throw new DriverError('embedded', `The server is degraded: ${known.join('; ') || 'it does not say why'}.`, {
    code: 'DRIVER_DEGRADED',
    retryable: true,
    hint: 'Look at the metrics of the realtime server, or at its page in the console.',
  })
}

/**
 * Publishes over the bus, from a process without a server.
 *
 * @param isBesideSeveral There are several servers in this process, and nobody knows which of them is meant.
 * @throws DriverError without a bus, or when the bus does not take it; `REALTIME_SEVERAL_SERVERS` beside several.
 */
export async function publishAway(
  messages: readonly OutgoingMessage[],
  bus: BusPublisher | undefined,
  signal: AbortSignal,
  ports: Pick<typeof Core, 'DriverError'>,
  isBesideSeveral: boolean,
): Promise<void> {
  if (isBesideSeveral) {
    const { DriverError } = ports
    throw new DriverError('embedded', 'Several realtime servers run in this process.', {
      code: 'REALTIME_SEVERAL_SERVERS',
      hint: 'Publish with `publish` of the server that is meant, or by a client with `memory({ server })`; close those that are left over.',
    })
  }
  if (!bus) throw notStarted(ports)
  await bus.publish(messages, signal)
}

function notStarted({ DriverError }: Pick<typeof Core, 'DriverError'>): Core.DriverError {
  return new DriverError('embedded', 'No realtime server runs in this process.', {
    hint: 'Start one with createRealtimeServer, pass `bus`, or pass `url` and publish through a channel.',
    retryable: true,
  })
}
