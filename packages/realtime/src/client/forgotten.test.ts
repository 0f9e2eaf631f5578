import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { createFakeRealtime } from '../testing/fake-driver.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** `expect.poll` would keep the client for as long as the test runs. */
async function isConnected(client: Realtime): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5))
  if (client.status !== 'connected') await isConnected(client)
}

/** Uses a client for all that it can, and closes it. Returns its driver, to which all of it refers. */
async function useOne(): Promise<WeakRef<object>> {
  const fake = createFakeRealtime()
  const client = createRealtime({ driver: fake.driver, random: () => 0, onError: () => undefined })
  const room = client.channel('room', { presenceKey: 'ana', rewind: 5 })
  room.on('note', () => undefined)
  client.feed('items', 'ana', {
    onChange: () => undefined,
    snapshot: async () => [],
    onSnapshot: () => undefined,
  })
  await room.ready
  await room.track({ here: true })
  await room.broadcast('note', { n: 1 })
  await isConnected(client)
  fake.drop()
  await isConnected(client)
  await client.close()
  return new WeakRef(fake.driver)
}

it('a client that was closed is kept by nothing', async () => {
  const clients = [await useOne(), await useOne(), await useOne()]
  await expect
    .poll(
      () => {
        collect()
        return clients.filter((each) => each.deref()).length
      },
      { timeout: 10_000 },
    )
    .toBe(0)
})
