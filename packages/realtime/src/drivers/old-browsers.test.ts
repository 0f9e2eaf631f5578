import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { PollSocket } from '../fallback/poll-socket.ts'
import { SseSocket } from '../fallback/sse-socket.ts'
import { createFakeBrowser } from '../tabs/fake-browser.ts'
import { shareTabs } from '../tabs/index.ts'
import { testRealtimeDriver } from '../testing/conformance/index.ts'
import { becomeOldBrowser } from '../testing/old-browser.ts'
import { embedded } from './embedded.ts'

let restore: () => void
beforeAll(() => {
  restore = becomeOldBrowser()
})
afterAll(() => restore())

it('is an old browser for the code of a page, and none for its tests', () => {
  expect(URL.parse('http://x')?.host).toBe('x')
  const ask = (file: string): unknown => new Function(`return [URL.parse, [].toSorted]\n//# sourceURL=${file}`)()
  expect(ask('/packages/realtime/src/client/topic.ts')).toEqual([undefined, undefined])
  expect(ask('/packages/core/src/time/clock.ts')).toEqual([undefined, undefined])
  expect(ask('/packages/realtime/src/server/create-server.ts')).not.toContain(undefined)
})

for (const [name, Way] of [
  ['WebSockets', WebSocket as never],
  ['server-sent events', SseSocket],
  ['polling', PollSocket],
] as const) {
  testRealtimeDriver(`embedded, in an old browser, over ${name}`, ({ url, apiKey }) =>
    embedded({ url: `${url}/realtime/v1`, apiKey, WebSocket: Way }),
  )
}
testRealtimeDriver('embedded, in an old browser, shared by tabs', ({ url, apiKey }) =>
  shareTabs(embedded({ url: `${url}/realtime/v1`, apiKey, WebSocket: WebSocket as never }), {
    ...createFakeBrowser().tab('1'),
    page: new EventTarget(),
  }),
)
