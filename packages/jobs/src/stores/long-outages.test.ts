import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { createOutages } from './long-outages.ts'

function setUp() {
  const clock = createManualClock()
  const told: string[] = []
  const failed = createOutages(
    clock,
    ({ message }) => message === 'a pooler',
    ({ message }) => told.push(message),
  )
  /** A connection that can't be made. */
  const failFor = async (ms: number, message: string): Promise<void> => {
    for (let passed = 0; passed <= ms; passed += 500) {
      failed(new Error(message))
      await clock.advance(500)
    }
  }
  return { clock, told, failed: (message: string) => failed(new Error(message)), failFor }
}

it('tells of an outage that lasts five seconds, once, and of the next one again', async () => {
  const { clock, told, failFor } = setUp()
  await failFor(20_000, 'first')
  expect(told).toEqual(['first'])
  await clock.advance(60_000)
  await failFor(4000, 'second')
  expect(told).toEqual(['first'])
  await failFor(2000, 'second')
  expect(told).toEqual(['first', 'second'])
})

it('says nothing of short losses, however many, that are far apart', async () => {
  const { clock, told, failFor } = setUp()
  for (let n = 0; n < 20; n++) {
    await failFor(1000, 'a failover')
    await clock.advance(31_000)
  }
  expect(told).toEqual([])
})

it('takes attempts that fail after their patience for one outage', async () => {
  const { clock, told, failed } = setUp()
  for (let n = 0; n < 3; n++) {
    failed('no answer')
    await clock.advance(10_500)
  }
  expect(told).toEqual(['no answer'])
})

it.each([
  ['for moments', 300, 300, 50, 1],
  ['a second and a half, and hangs', 1500, 10_000, 8, 2],
  ['seven seconds, and hangs', 7000, 10_000, 8, 2],
])(
  'tells once a minute of a connection that is lost again and again, although it hears %s',
  async (_, hears, deaf, times, reports) => {
    const { clock, told, failed } = setUp()
    for (let n = 0; n < times; n++) {
      await clock.advance(hears + deaf)
      failed('lost')
    }
    expect(told).toHaveLength(reports)
  },
)

it('tells at once, and once a minute, of what does not pass by itself, although it seems to hear in between', async () => {
  const { clock, told, failed } = setUp()
  for (let n = 0; n < 20; n++) {
    failed('a pooler')
    await clock.advance(6000)
  }
  expect(told).toEqual(['a pooler', 'a pooler'])
})
