import { createManualClock } from '@msc/core/testing'
import { describe, expect, it } from 'vitest'
import { createReloading } from './reloading.ts'

function setUp() {
  const clock = createManualClock()
  const start = clock.monotonic()
  const at: number[] = []
  const page = { hidden: false }
  const reloading = createReloading(() => at.push(clock.monotonic() - start), { isHidden: () => page.hidden, clock })
  return { clock, at, page, reloading }
}

describe('reloading a page that changes', () => {
  it('waits for what changes together', async () => {
    const { clock, at, reloading } = setUp()
    for (let nth = 0; nth < 5; nth++) reloading.request()
    await clock.advance(10_000)
    expect(at).toEqual([50])
  })

  it('reloads every two seconds while changes go on, and once after the last', async () => {
    const { clock, at, reloading } = setUp()
    for (let nth = 0; nth < 50; nth++) {
      reloading.request()
      await clock.advance(100)
    }
    await clock.advance(10_000)
    expect(at).toEqual([50, 2050, 4050, 6050])
  })

  it('does so soon after a change that comes alone', async () => {
    const { clock, at, reloading } = setUp()
    reloading.request()
    await clock.advance(5000)
    reloading.request()
    await clock.advance(5000)
    expect(at).toEqual([50, 5050])
  })

  it('waits until somebody looks', async () => {
    const { clock, at, page, reloading } = setUp()
    reloading.request()
    page.hidden = true
    await clock.advance(1000)
    reloading.request()
    reloading.look()
    await clock.advance(1000)
    expect(at).toEqual([])
    page.hidden = false
    reloading.look()
    await clock.advance(1000)
    expect(at).toEqual([2050])
  })

  it('does nothing after it was stopped', async () => {
    const { clock, at, reloading } = setUp()
    reloading.request()
    reloading.stop()
    await clock.advance(1000)
    expect(at).toEqual([])
  })
})
