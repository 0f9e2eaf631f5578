import { afterEach, describe, expect, it, vi } from 'vitest'
import { configureRealtime, getDefaultRealtime, initRealtime, setDefaultRealtime } from './default-realtime.ts'

const supabase = { url: 'https://p.supabase.co', anonKey: 'key' }

function openPage(): void {
  vi.stubGlobal('document', new EventTarget())
  vi.stubGlobal('location', { origin: 'https://app.example' })
}
afterEach(async () => {
  vi.stubEnv('NODE_ENV', 'test')
  await getDefaultRealtime().close()
  setDefaultRealtime(undefined)
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
})

describe('initRealtime', () => {
  it('makes the default instance of a page; the first call decides', () => {
    openPage()
    initRealtime({ supabase, shareTabs: false })
    const realtime = getDefaultRealtime()
    expect(realtime.driverName).toBe('supabase')
    initRealtime({})
    expect(getDefaultRealtime()).toBe(realtime)
  })
  it('is the embedded server of the page’s own origin without a project', () => {
    openPage()
    initRealtime({ shareTabs: false })
    expect(getDefaultRealtime().driverName).toBe('embedded')
  })
  it('takes a path of that origin, and the key with which nobody joins', async () => {
    openPage()
    const opened: [url: string, frames: string[]][] = []
    class Line extends EventTarget {
      readyState = 1
      readonly frames: string[] = []
      constructor(url: string) {
        super()
        opened.push([url, this.frames])
        queueMicrotask(() => this.dispatchEvent(new Event('open')))
      }
      send(text: string): void {
        this.frames.push(text)
      }
      close(): void {}
    }
    vi.stubGlobal('WebSocket', Line)
    initRealtime({ url: '/live/v1', apiKey: 'of-the-application', shareTabs: false })
    getDefaultRealtime().channel('news')
    await expect.poll(() => opened[0]?.[1].join()).toContain('of-the-application')
    expect(opened[0]?.[0]).toBe('wss://app.example/live/v1/websocket?vsn=2.0.0')
  })
  it('refuses a backend that is none, and leaves room for one that is', () => {
    openPage()
    for (const url of [
      'realtime/v1',
      '',
      'https://me:hunter2@app.example/realtime/v1',
      'wsx://app.example',
      'ftp://a',
    ]) {
      expect(() => initRealtime({ url })).toThrow(
        expect.objectContaining({ code: 'REALTIME_URL_INVALID', message: expect.not.stringContaining('hunter2') }),
      )
    }
    expect(() => initRealtime({ supabase: { ...supabase, url: 'p.supabase.co' } })).toThrow(
      expect.objectContaining({ code: 'ADDRESS_INVALID' }),
    )
    initRealtime({ supabase, shareTabs: false })
    expect(getDefaultRealtime().driverName).toBe('supabase')
  })
  it('does nothing on a server, whose memory all visitors share', () => {
    vi.stubEnv('NODE_ENV', 'test')
    initRealtime({ supabase })
    expect(getDefaultRealtime().driverName).toBe('embedded')
  })
  it('leaves to configureRealtime what is closed when it is replaced', () => {
    openPage()
    initRealtime({ shareTabs: false })
    const closing = vi.spyOn(getDefaultRealtime(), 'close')
    configureRealtime({}, { NODE_ENV: 'test' })
    expect(closing).toHaveBeenCalledTimes(1)
  })
})
