import { createManualClock } from '@msc/core/testing'
import { describe, expect, it } from 'vitest'
import { createWatch } from './watch.ts'
import type { Waiting } from './unattended.ts'

const MINUTE = 60_000
const one = (entry = '1', kind = 'k'): Waiting => ({ kinds: [{ kind, entry }], othersAreBusy: false })
const busy = (entry = '1'): Waiting => ({ ...one(entry), othersAreBusy: true })
const NONE: Waiting = { kinds: [], othersAreBusy: false }

describe('a watch for kinds that nobody delivers', () => {
  const make = () => {
    const clock = createManualClock()
    const watch = createWatch(clock)
    const after = async (ms: number, waiting: Waiting): Promise<readonly string[]> => {
      await clock.advance(ms)
      return watch.see(waiting).unattended
    }
    return { clock, watch, after }
  }

  it('gives others 3 seconds from when it first saw the kind, and says when to look again', async () => {
    const { watch, after } = make()
    await after(MINUTE, NONE)
    expect(watch.see(one())).toEqual({ unattended: [], nextMs: 3000 })
    expect(await after(2999, one())).toEqual([])
    expect(await after(1, one())).toEqual(['k'])
    expect(watch.see(one()).nextMs).toBe(Infinity)
  })

  it('begins anew for a kind that was seen to go on, whether it stopped waiting or another entry is next', async () => {
    const { after } = make()
    await after(0, one())
    expect(await after(2999, NONE)).toEqual([])
    expect(await after(1, one())).toEqual([])
    expect(await after(2999, one('2'))).toEqual([])
    expect(await after(2999, one('2'))).toEqual([])
    expect(await after(1, one('2'))).toEqual(['k'])
  })

  it('waits for 5 minutes while another process holds claims, whose places may all be taken', async () => {
    const { after } = make()
    await after(0, busy())
    expect(await after(4 * MINUTE, busy())).toEqual([])
    // Between the end of one delivery and the claim of the next, nothing is claimed.
    expect(await after(1000, one())).toEqual([])
    expect(await after(1000, busy())).toEqual([])
    expect(await after(2999, one())).toEqual([])
    expect(await after(2999, one())).toEqual([])
    expect(await after(1, one())).toEqual(['k'])
    expect(await after(1000, busy())).toEqual(['k'])
    const { after: later } = make()
    await later(0, busy())
    expect(await later(5 * MINUTE, busy())).toEqual(['k'])
  })

  it('blames nobody for a minute after the database was away', async () => {
    const { watch, after } = make()
    await after(0, one())
    watch.lose()
    expect(await after(0, one())).toEqual([])
    expect(await after(MINUTE - 1, one())).toEqual([])
    expect(await after(1, one())).toEqual(['k'])
  })

  it('knows which kinds were unattended all the time, with nobody else at work', async () => {
    const { watch, after } = make()
    await after(0, busy())
    await after(10_000, one())
    expect(watch.unattendedFor(0)).toEqual([])
    await after(3000, one())
    expect(watch.unattendedFor(3000)).toEqual(['k'])
    expect(watch.unattendedFor(3001)).toEqual([])
    await after(1000, busy())
    expect(watch.unattendedFor(0)).toEqual([])
    await after(1000, one())
    await after(5000, one())
    expect(watch.unattendedFor(5000)).toEqual(['k'])
    watch.lose()
    await after(MINUTE, one())
    expect(watch.unattendedFor(1)).toEqual([])
  })
})
