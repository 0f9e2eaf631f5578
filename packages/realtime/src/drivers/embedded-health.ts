import type * as Core from '@msc/core'
import type { BusPublisher } from '../bus/publisher.ts'
import type { OutgoingMessage } from '../driver.ts'

// A page that never asks for its health does not carry this. What the page has loaded already is passed in.

export interface HealthPorts {
  /** The address of the server, without a slash at its end. */
  readonly base: string | undefined
  readonly DriverError: typeof Core.DriverError
  readonly clock: Core.Clock
}

/** @throws DriverError when the server can not be reached, or what answers is none. */
export async function checkHealth({ base, DriverError, clock }: HealthPorts, signal: AbortSignal): Promise<void> {
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
}

/**
 * Publishes over the bus, from a process without a server.
 *
 * @throws DriverError without a bus, or when the bus does not take it.
 */
export async function publishAway(
  messages: readonly OutgoingMessage[],
  bus: BusPublisher | undefined,
  signal: AbortSignal,
  ports: Pick<typeof Core, 'DriverError'>,
): Promise<void> {
  if (!bus) throw notStarted(ports)
  await bus.publish(messages, signal)
}

function notStarted({ DriverError }: Pick<typeof Core, 'DriverError'>): Core.DriverError {
  return new DriverError('embedded', 'No realtime server runs in this process.', {
    hint: 'Start one with createRealtimeServer, pass `bus`, or pass `url` and publish through a channel.',
    retryable: true,
  })
}
