import { createManualClock } from '@msc/core/testing'
import { describe, expect, it, vi } from 'vitest'
import { createRecorder, type Recording } from './recording.ts'

describe('recording an answer', () => {
  const away = (): Promise<never> => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' }))
  const make = () => {
    const clock = createManualClock()
    const report = vi.fn()
    return { clock, report, recorder: createRecorder({ clock, report }) }
  }
  const recordingOf = (record: () => Promise<unknown>, more: Partial<Recording> = {}): Recording => ({
    bytes: 1,
    budgetMs: 60_000,
    record: vi.fn(record),
    ...more,
  })

  it('goes on behind the answer until it works, and reports the first failure only', async () => {
    const { clock, report, recorder } = make()
    let isAway = true
    const recording = recordingOf(() => (isAway ? away() : Promise.resolve()))
    await recorder.keep(recording)
    expect([recorder.waiting, report.mock.calls.length]).toEqual([1, 1])
    await clock.advance(10_000)
    expect(vi.mocked(recording.record).mock.calls.length).toBeGreaterThan(3)
    isAway = false
    await clock.advance(3000)
    expect([recorder.waiting, report.mock.calls.length, clock.pending]).toEqual([0, 1, 0])
  })

  it('gives up when its time is over, and at once after a mistake that no waiting mends', async () => {
    const { clock, report, recorder } = make()
    const recording = recordingOf(away)
    await recorder.keep(recording)
    await clock.advance(63_000)
    expect([recorder.waiting, report.mock.calls.length, clock.pending]).toEqual([0, 2, 0])
    const mistaken = recordingOf(() => Promise.reject(new TypeError('mine')))
    await recorder.keep(mistaken)
    expect(recorder.waiting).toBe(0)
  })

  it('keeps no more in memory than it may', async () => {
    const { clock, recorder } = make()
    const large = Array.from({ length: 3 }, () => recordingOf(away, { bytes: 8_388_608 }))
    for (const each of large) await recorder.keep(each)
    expect(recorder.waiting).toBe(2)
    await clock.advance(63_000)
    for (let i = 0; i < 1001; i++) await recorder.keep(recordingOf(away))
    expect(recorder.waiting).toBe(1000)
  })

  it('lets one that fails hold up no others', async () => {
    const { clock, recorder } = make()
    let isAway = true
    const failing = recordingOf(away)
    await recorder.keep(failing)
    for (let i = 0; i < 3; i++) await recorder.keep(recordingOf(() => (isAway ? away() : Promise.resolve())))
    isAway = false
    await clock.advance(10_000)
    expect(recorder.waiting).toBe(1)
  })

  it('tries once more when it closes, until one fails', async () => {
    const { clock, report, recorder } = make()
    let isAway = true
    const working = recordingOf(() => (isAway ? away() : Promise.resolve()))
    const [failing, next] = [recordingOf(away), recordingOf(away)]
    for (const each of [working, failing, next]) await recorder.keep(each)
    isAway = false
    await recorder.close(500)
    expect([working, failing, next].map(({ record }) => vi.mocked(record).mock.calls.length)).toEqual([2, 2, 1])
    expect([recorder.waiting, report.mock.calls.length, clock.pending]).toEqual([0, 4, 0])
    await recorder.keep(recordingOf(away))
    expect([recorder.waiting, clock.pending]).toEqual([0, 0])
  })

  it('waits no longer than it may when it closes', async () => {
    const { clock, recorder } = make()
    const silent = recordingOf(away)
    await recorder.keep(silent)
    vi.mocked(silent.record).mockImplementation(() => new Promise(() => {}))
    const closed = recorder.close(500)
    await clock.advance(500)
    await closed
    expect(clock.now()).toBe(1_700_000_000_500)
  })
})
