import type { CancelTimer, Clock } from '@msc/core'
import type { Channel, Locks } from './group.ts'

/** For a lock and a message. Where they work it takes a few milliseconds. */
const TRY_MS = 1500

/**
 * Says whether this page gets a lock and hears another of its own channels: that the browser has both says little. It refuses
 * them to a frame of an origin of its own and where storage is blocked, some by throwing, some by never answering. Never
 * rejects.
 *
 * @param name One that nobody else has.
 */
export async function canShare(
  name: string,
  locks: Locks,
  openChannel: (name: string) => Channel,
  clock: Clock,
): Promise<boolean> {
  const channels: Channel[] = []
  let cancel: CancelTimer | undefined
  try {
    return await new Promise<boolean>((resolve) => {
      cancel = clock.setTimeout(() => resolve(false), TRY_MS)
      const [from, to] = [openChannel(name), openChannel(name)]
      channels.push(from, to)
      const lock = async (): Promise<unknown> => locks.request(name, {}, async () => resolve(true))
      const no = (): void => resolve(false)
      to.addEventListener('message', () => void lock().then(no, no))
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a BroadcastChannel has none
      from.postMessage('')
    })
  } catch {
    return false
  } finally {
    cancel?.()
    for (const channel of channels) channel.close()
  }
}
