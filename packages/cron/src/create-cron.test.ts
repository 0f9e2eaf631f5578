import { onTelemetry } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { describe, expect, it, vi } from 'vitest'
import { createCron } from './create-cron.ts'
import { defineCron } from './define-cron.ts'
import { local } from './drivers/local.ts'
import { parseSchedule } from './schedule.ts'

describe('a schedule', () => {
  const at = (text: string) => Date.parse(text)
  it('floors to the occurrence that is due, the very second included', () => {
    const { floor, next } = parseSchedule('*/15 * * * *', 'UTC')
    expect(floor(at('2026-11-01T00:15:00Z'))).toBe(at('2026-11-01T00:15:00Z'))
    expect(floor(at('2026-11-01T00:15:00.999Z'))).toBe(at('2026-11-01T00:15:00Z'))
    expect(floor(at('2026-11-01T00:14:59.999Z'))).toBe(at('2026-11-01T00:00:00Z'))
    expect(next(at('2026-11-01T00:15:00Z'))).toBe(at('2026-11-01T00:30:00Z'))
  })
  it('happens once in the hour that a clock repeats, and after the gap in the hour it skips', () => {
    const { next } = parseSchedule('30 2 * * *', 'Europe/Stockholm')
    expect(next(at('2026-03-28T12:00:00Z'))).toBe(at('2026-03-29T01:00:00Z'))
    const first = next(at('2026-10-24T12:00:00Z')) as number
    expect(next(first)).toBe(at('2026-10-26T01:30:00Z'))
  })
  it.each([
    ['', 'UTC'],
    ['* * * * * *', 'UTC'],
    ['61 * * * *', 'UTC'],
    ['* * * * *', 'Mars/Base'],
  ])('refuses %j in %s', (expression, timezone) => {
    expect(() => parseSchedule(expression, timezone)).toThrow(
      expect.objectContaining({ code: 'CRON_SCHEDULE_INVALID' }),
    )
  })
  it('may never happen', () => {
    expect(parseSchedule('0 0 30 2 *', 'UTC').next(0)).toBeUndefined()
  })
})

describe('the engine', () => {
  it('does not start a run while the last one goes on, and runs again after it', async () => {
    const clock = createManualClock(Date.UTC(2026, 10, 1))
    let finish = () => {}
    let runs = 0
    const slow = defineCron({ name: 'slow', schedule: '* * * * *', timeout: '10m' }, () => {
      runs += 1
      return new Promise<void>((resolve) => (finish = resolve))
    })
    const cron = createCron({ crons: [slow], driver: local({ clock }), clock })
    cron.start()
    await clock.advance(180_000)
    expect(runs).toBe(1)
    expect(cron.history().map(({ reason }) => reason)).toEqual(['overlap', 'overlap'])
    finish()
    await clock.advance(60_000)
    expect(runs).toBe(2)
    finish()
    await cron.close()
  })

  it('reports a failure once, redacted, keeps the schedule, and records it', async () => {
    const told: string[] = []
    const stop = onTelemetry(({ name, attributes }) =>
      told.push(`${name} ${(attributes as { outcome?: string }).outcome}`),
    )
    const clock = createManualClock(Date.UTC(2026, 10, 1))
    const onError = vi.fn()
    const failing = defineCron({ name: 'failing', schedule: '* * * * *' }, () => {
      throw new Error('postgres://user:hunter2@db/app refused')
    })
    const cron = createCron({ crons: [failing], driver: local({ clock }), clock, onError })
    cron.start()
    await clock.advance(120_000)
    expect(onError).toHaveBeenCalledTimes(2)
    expect(cron.history()[0]).toMatchObject({ outcome: 'error', error: expect.not.stringContaining('hunter2') })
    stop()
    expect(told).toEqual(['cron.run error', 'cron.run error'])
    await cron.close()
  })

  it('ends a run at its timeout', async () => {
    const clock = createManualClock(Date.UTC(2026, 10, 1))
    let aborted = false
    const stuck = defineCron({ name: 'stuck', schedule: '0 0 * * *', timeout: 5 }, ({ signal }) => {
      signal.addEventListener('abort', () => (aborted = true))
      return new Promise(() => {})
    })
    const cron = createCron({ crons: [stuck], driver: local({ clock }), clock, onError: () => {} })
    const run = cron.run('stuck')
    await clock.advance(5000)
    expect(await run).toMatchObject({ outcome: 'error', error: expect.stringContaining('5000 ms') })
    expect(aborted).toBe(true)
    await cron.close()
  })

  it('waits longer than a timer can', async () => {
    const clock = createManualClock(Date.UTC(2026, 0, 2))
    const ran: number[] = []
    const yearly = defineCron(
      { name: 'yearly', schedule: '0 0 1 1 *' },
      ({ scheduledAt }) => void ran.push(scheduledAt),
    )
    const cron = createCron({ crons: [yearly], driver: local({ clock }), clock })
    cron.start()
    await clock.advance(364 * 86_400_000)
    expect(ran).toEqual([Date.UTC(2027, 0, 1)])
    await cron.close()
  })

  it.each(['Daily', 'a b', '-a', ''])('refuses the name %j', (name) => {
    expect(() => defineCron({ name, schedule: '* * * * *' }, () => {})).toThrow(/not a name/)
  })
  it('refuses two jobs of one name, and an unknown one', async () => {
    const job = defineCron({ name: 'a', schedule: '* * * * *' }, () => {})
    expect(() => createCron({ crons: [job, job], driver: local() })).toThrow(/Two jobs/)
    await expect(createCron({ crons: [job], driver: local() }).run('b')).rejects.toMatchObject({ code: 'CRON_UNKNOWN' })
  })
})
