import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { createOutages } from './long-outages.ts'

function setUp() {
  const clock = createManualClock()
  const told: string[] = []
  const outages = createOutages(
    clock,
    ({ message }) => message === 'a pooler',
    ({ message }) => told.push(message),
  )
  const failFor = async (ms: number, message: string): Promise<void> => {
    for (let passed = 0; passed <= ms; passed += 500) {
      outages.failed(new Error(message))
      await clock.advance(500)
    }
  }
  /** It proves every five seconds that it hears. */
  const hearFor = async (ms: number): Promise<void> => {
    for (let passed = 0; passed <= ms; passed += 5000) {
      outages.heard()
      await clock.advance(5000)
    }
  }
  return { clock, told, outages, failFor, hearFor }
}

it('tells of an outage that lasts five seconds, once, and of the next one again', async () => {
  const { told, failFor, hearFor } = setUp()
  await failFor(20_000, 'first')
  expect(told).toEqual(['first'])
  await hearFor(20_000)
  await failFor(60_000, 'second')
  expect(told).toEqual(['first', 'second'])
})

it('says nothing of short losses, however many', async () => {
  const { told, failFor, hearFor } = setUp()
  for (let n = 0; n < 20; n++) {
    await failFor(1000, 'a failover')
    await hearFor(5000)
  }
  expect(told).toEqual([])
})

it('tells of a connection that is lost again and again, although it hears for moments', async () => {
  const { clock, told, outages } = setUp()
  for (let n = 0; n < 50; n++) {
    outages.failed(new Error('ended'))
    await clock.advance(300)
    outages.heard()
    await clock.advance(300)
  }
  expect(told).toEqual(['ended'])
})

it('tells of a connection that hears for a moment and hangs, again and again, although each loss is noticed late', async () => {
  const { clock, told, outages } = setUp()
  for (let n = 0; n < 8; n++) {
    outages.heard()
    await clock.advance(10_000)
    outages.failed(new Error('no answer'))
    await clock.advance(500)
  }
  expect(told).toEqual(['no answer', 'no answer'])
})

it('tells at once, and once a minute, of what does not pass by itself, although it seems to hear in between', async () => {
  const { clock, told, outages } = setUp()
  for (let n = 0; n < 20; n++) {
    outages.failed(new Error('a pooler'))
    await clock.advance(500)
    outages.heard()
    await clock.advance(5500)
  }
  expect(told).toEqual(['a pooler', 'a pooler'])
})
