import { WebSocket } from 'ws'
import { testRealtimeDriver } from '../testing/index.ts'
import { setHub } from '../hub.ts'
import { embedded } from './embedded.ts'
import { supabase } from './supabase.ts'
import { beforeEach, expect, it } from 'vitest'
import { createRealtimeFromEnv } from '../default-realtime.ts'

testRealtimeDriver('embedded', ({ url, apiKey }) =>
  embedded({ url: `${url}/realtime/v1`, apiKey, WebSocket: WebSocket as never }),
)
for (const version of ['1.0.0', '2.0.0'] as const) {
  testRealtimeDriver(`supabase, the real SDK, protocol ${version}`, ({ url, apiKey, serviceRoleKey }) =>
    apiKey === serviceRoleKey
      ? supabase({ url, anonKey: apiKey, serviceRoleKey, version })
      : supabase({ url, anonKey: apiKey, version }),
  )
}

beforeEach(() => setHub(undefined))

it('chooses Supabase by its variables, else the embedded server', async () => {
  const env = { NEXT_PUBLIC_SUPABASE_URL: 'https://p.supabase.co', NEXT_PUBLIC_SUPABASE_ANON_KEY: 'k' }
  expect(createRealtimeFromEnv(env).driverName).toBe('supabase')
  expect(createRealtimeFromEnv({ MSC_QUIET: '1' }).driverName).toBe('embedded')
  expect(() => createRealtimeFromEnv({ NEXT_PUBLIC_SUPABASE_URL: 'https://p.supabase.co' })).toThrow(/ANON_KEY/)
  expect(() => createRealtimeFromEnv({ NODE_ENV: 'production' })).toThrow(/realtime/)
})

it('says what to do when there is no server to publish to', async () => {
  const realtime = createRealtimeFromEnv({ MSC_QUIET: '1' })
  await expect(realtime.publish('room', 'note', {})).rejects.toMatchObject({
    hint: expect.stringContaining('createRealtimeServer'),
  })
  expect((await realtime.health()).status).toBe('down')
})
