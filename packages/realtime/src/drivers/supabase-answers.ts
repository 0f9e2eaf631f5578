// Loaded with the first that is sent. It imports nothing that a page loads first.
import type * as Core from '@msc/core'
import type { RealtimeChannel } from '@supabase/supabase-js'
import { refusal } from '../phoenix/refusals.ts'
import { createPace } from './pace.ts'

/** What is sent over a channel of the SDK's. */
type Sent = Parameters<RealtimeChannel['send']>[0]
export interface Sender {
  /** @throws DriverError */
  send(sent: Sent): Promise<void>
  /** The same for a change of presence, in its turn. */
  sendPaced(sent: Sent): Promise<void>
  close(): void
}
/** One question of the SDK's, which has the whole answer of the server once there is one. */
interface Push {
  readonly receivedResp?: unknown
}
type Ask = (event: string, payload: object, ...rest: unknown[]) => Push
interface Asking {
  push?: Ask
  _push?: Ask
}
interface Reply {
  readonly status?: unknown
  readonly response?: unknown
  readonly msc?: unknown
}

/** Supabase takes five changes of presence in 30 s from a client, and shuts the channel for the sixth. */
const MOST_PRESENCE = 5
/** A second more, for those that travel at different speeds. */
const PRESENCE_WINDOW_MS = 31_000
/** Of what Supabase says to a message, this alone is known to be for good. */
const TOO_LARGE = 'payload_size_exceeded'

/**
 * Sends over a channel. The SDK says no more than `error` of what was refused; why stays with what it has asked, which is looked at
 * where this SDK has it.
 */
export function createSender(
  channel: RealtimeChannel,
  { DriverError, systemClock }: Pick<typeof Core, 'DriverError' | 'systemClock'>,
): Sender {
  const pace = createPace(MOST_PRESENCE, PRESENCE_WINDOW_MS, systemClock)
  const pushes = new WeakMap<object, Push>()
  const adapter = ((channel as { readonly channelAdapter?: unknown }).channelAdapter ?? channel) as Asking
  const name = typeof adapter.push === 'function' ? 'push' : '_push'
  const ask = adapter[name]
  if (typeof ask === 'function')
    adapter[name] = (event, payload, ...rest) => {
      const push = ask.call(adapter, event, payload, ...rest)
      if (Object(payload) === payload) pushes.set(payload, push)
      return push
    }
  const send = async (sent: Sent): Promise<void> => {
    const answer = await channel.send(sent)
    if (answer === 'ok') return
    const { status, response, msc } = Object(pushes.get(sent)?.receivedResp) as Reply
    // Supabase answers nothing to who may not write, as to who is not heard.
    if (answer !== 'error' || status !== 'error')
      throw new DriverError('supabase', `The message was not taken: ${answer}.`, { retryable: true })
    // What a server of ours says of another try is believed.
    if (msc) throw refusal({ DriverError }, { response, msc }, undefined, 'supabase')
    const words = typeof response === 'string' ? response : JSON.stringify(response ?? null)
    const reply = {
      response: { reason: `The message was not taken: ${words}.` },
      msc: { code: words, retryable: words !== TOO_LARGE },
    }
    throw refusal({ DriverError }, reply, undefined, 'supabase')
  }
  return { send, sendPaced: (sent) => pace.run(() => send(sent)), close: () => pace.close() }
}
