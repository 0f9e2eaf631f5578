import { afterEach, describe, expect, it, vi } from 'vitest'
import { createBreaker } from './breaker.ts'
import { ConfigError, DriverError, isError } from '../errors/errors.ts'
import { every } from '../time/every.ts'
import { reportFailure, runReported, setErrorReporter } from '../errors/failures.ts'
import { createService, type ServiceOptions } from './service.ts'
import { createManualClock } from '../testing/manual-clock.ts'

const never = (): Promise<never> => new Promise(() => {})

function serviceOf(rest: Partial<ServiceOptions<'cache'>> = {}): ReturnType<typeof createService<'cache'>> {
  return createService({
    concern: 'cache',
    driver: { name: 'redis', health: async () => undefined, close: async () => undefined },
    onError: () => undefined,
    ...rest,
  })
}
const failing = (error: unknown): ServiceOptions<'cache'>['driver'] => ({
  name: 'redis',
  endpoint: 'redis://127.0.0.1:6379',
  variables: ['REDIS_URL'],
  health: async () => {
    throw error
  },
  close: async () => undefined,
})

function isOpen({ assertOpen }: ReturnType<typeof serviceOf>): boolean {
  try {
    assertOpen()
    return true
  } catch {
    return false
  }
}

/** A revoked proxy: any look at it throws, even `instanceof Error`. */
function unreadable(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const throws = (): never => {
  throw unreadable()
}

describe('a thrown value that cannot be read', () => {
  it('is reported like any other failure, and never taken for an MscError', async () => {
    const reported: string[] = []
    const { service, report, inTime } = serviceOf({
      driver: { ...failing(unreadable()), close: throws },
      stats: throws,
      degraded: throws,
      flush: throws,
      close: throws,
      onError: (error, { operation }) => reported.push(`${operation}: ${error.message}`),
    })
    report(unreadable(), 'listen')
    expect(await service.health()).toMatchObject({ status: 'down', stats: {} })
    await service.flush()
    await service.close()
    expect(reported).toEqual(['listen', 'flush', 'close', 'close'].map((each) => `${each}: A non-Error was thrown.`))
    await expect(inTime('get', 100, throws)).rejects.toSatisfy((error) => !isError(error))
  })

  it("does not replace the backend's own error", async () => {
    const breaker = createBreaker({ name: 'redis', threshold: 1, onChange: throws })
    const failure = new Error('refused')
    await expect(breaker.run(() => Promise.reject(failure))).rejects.toBe(failure)
    expect(breaker.state).toBe('open')
  })

  it('stops neither an interval nor its error callback', async () => {
    const clock = createManualClock()
    let turns = 0
    const cancel = every(
      10,
      () => {
        turns += 1
        throws()
      },
      { clock, onError: throws },
    )
    await clock.advance(35)
    cancel()
    expect(turns).toBe(3)
  })
})

describe('the health of a service', () => {
  it.each([
    [30_000, 'Calls are accepted again from 2023-11-14T22:13:50.000Z.'],
    [0, 'Calls are accepted again from 2023-11-14T22:13:20.000Z.'],
    [undefined, undefined],
    [Infinity, undefined],
  ])('is degraded while the backend limits the rate, and says until when: %j ms', async (retryAfterMs, until) => {
    const error = new DriverError('redis', 'The server answered 429.', {
      code: 'DRIVER_RATE_LIMITED',
      retryable: true,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
    const health = await serviceOf({ clock: createManualClock(), driver: failing(error) }).service.health()
    const detail = [error.message, ...(until === undefined ? [] : [until])].join(' ')
    expect(health).toMatchObject({ status: 'degraded', code: 'DRIVER_RATE_LIMITED', detail })
  })

  it('calls a backend degraded that does its work and says that something is not as it should be', async () => {
    const hint = 'Look at its metrics.'
    const failure = new DriverError('redis', 'It is late.', { code: 'DRIVER_DEGRADED', retryable: true, hint })
    const health = await serviceOf({ driver: failing(failure) }).service.health()
    expect(health).toMatchObject({ status: 'degraded', code: 'DRIVER_DEGRADED', hint })
  })

  it('gives the time of the check, its latency and the statistics', async () => {
    const clock = createManualClock(1000)
    const { service } = serviceOf({ clock, stats: () => ({ hits: 3 }) })
    expect(await service.health()).toEqual({
      concern: 'cache',
      driver: 'redis',
      status: 'ready',
      latencyMs: 0,
      checkedAt: 1000,
      stats: { hits: 3 },
    })
  })

  it('contains the code and the hint of the error, and no secret', async () => {
    const error = new DriverError('redis', 'WRONGPASS for redis://ana:hunter2@db', {
      code: 'DRIVER_UNAUTHORIZED',
      hint: 'Check the user and password in REDIS_URL.',
    })
    const health = await serviceOf({ driver: failing(error) }).service.health()
    expect(health).toMatchObject({
      status: 'down',
      code: 'DRIVER_UNAUTHORIZED',
      hint: 'Check the user and password in REDIS_URL.',
    })
    expect(JSON.stringify(health)).not.toContain('hunter2')
  })

  it('names the backend that does not answer, and the variable that chose it', async () => {
    const clock = createManualClock()
    const { service } = serviceOf({ clock, driver: { ...failing(undefined), health: never } })
    const asked = service.health({ timeoutMs: 700 })
    // health.ts is loaded first; the time limit starts with the call of the driver.
    await vi.waitFor(() => expect(clock.pending).toBe(1))
    await clock.advance(700)
    expect(await asked).toMatchObject({
      status: 'down',
      detail: 'redis at redis://127.0.0.1:6379 did not answer within 700 ms.',
      hint: 'Check REDIS_URL, and that the backend can be reached from this machine.',
    })
  })

  it('says what to check when an outage has no hint of its own, and adds none to a refusal', async () => {
    const asked = (retryable: boolean) =>
      serviceOf({ driver: failing(new DriverError('redis', 'gone', { retryable })) }).service.health()
    expect(await asked(true)).toMatchObject({
      status: 'down',
      hint: 'Check REDIS_URL, and that the backend can be reached from this machine.',
    })
    expect(await asked(false)).not.toHaveProperty('hint')
  })

  it('is degraded while the breaker is not closed or the engine says so', async () => {
    const breaker = createBreaker({ name: 'x', threshold: 1 })
    breaker.fail()
    expect(await serviceOf({ breaker }).service.health()).toMatchObject({ status: 'degraded' })
    const { service } = serviceOf({ degraded: () => 'The local tier is cold.' })
    expect(await service.health()).toMatchObject({ status: 'degraded', detail: 'The local tier is cold.' })
  })

  it('shows the last failure that nobody awaited', async () => {
    const { service, report } = serviceOf()
    report(new DriverError('redis', 'gone', { code: 'DRIVER_FAILED' }), 'listen')
    expect(await service.health()).toMatchObject({
      status: 'ready',
      lastError: { operation: 'listen', message: '[redis] gone', code: 'DRIVER_FAILED' },
    })
  })
})

describe('flush and close of a service', () => {
  it('keep their budgets whatever hangs', async () => {
    const clock = createManualClock()
    const failed: string[] = []
    const { service } = serviceOf({
      clock,
      flush: never,
      close: never,
      driver: { ...failing(undefined), close: never },
      onError: (_error, { operation }) => failed.push(operation),
    })
    const flushed = service.flush({ timeoutMs: 300 })
    await clock.advance(300)
    await flushed
    const closed = service.close({ timeoutMs: 300 })
    await clock.advance(400 + 2000)
    await closed
    // A flush that runs out of time is not a failure; a close that does is.
    expect(failed).toEqual(['close', 'close'])
  })

  it('run once however often close is called', async () => {
    const close = vi.fn(async () => undefined)
    const driverClose = vi.fn(async () => undefined)
    const kit = serviceOf({ close, driver: { name: 'redis', health: async () => undefined, close: driverClose } })
    expect(() => kit.assertOpen()).not.toThrow()
    await Promise.all([kit.service.close(), kit.service.close()])
    await kit.service.close()
    expect(close).toHaveBeenCalledTimes(1)
    expect(driverClose).toHaveBeenCalledTimes(1)
    expect(() => kit.assertOpen()).toThrow(expect.objectContaining({ code: 'CACHE_CLOSED' }))
  })

  it('close the driver once even if the close callback calls close again', async () => {
    const driverClose = vi.fn(async () => undefined)
    const open: boolean[] = []
    const kit = serviceOf({
      driver: { name: 'redis', health: async () => undefined, close: driverClose },
      close() {
        void kit.service.close()
        open.push(isOpen(kit))
      },
    })
    await kit.service.close()
    expect(driverClose).toHaveBeenCalledTimes(1)
    expect(open).toEqual([false])
  })

  it('make health say that the service is down because it is closed', async () => {
    const { service } = serviceOf()
    await service.close()
    expect(await service.health()).toMatchObject({ status: 'down', code: 'CACHE_CLOSED' })
  })

  it('never reject, and report failures', async () => {
    const failed: unknown[] = []
    const broken = async (): Promise<never> => {
      throw new Error('broken')
    }
    const { service } = serviceOf({ flush: broken, close: broken, onError: (error) => failed.push(error.message) })
    await service.flush()
    await service.close()
    expect(failed).toEqual(['broken', 'broken'])
  })
})

describe('failures that nobody awaits', () => {
  const restore: (() => void)[] = []
  afterEach(() => {
    for (const each of restore.splice(0)) each()
    vi.restoreAllMocks()
  })

  it('reach the process-wide reporter unless the engine has its own', () => {
    const reported: string[] = []
    restore.push(setErrorReporter((error, { concern }) => reported.push(`process ${concern} ${error.message}`)))
    reportFailure(new Error('a'), { concern: 'jobs', operation: 'claim' })
    reportFailure(new Error('b'), { concern: 'jobs', operation: 'claim' }, (error) => reported.push(error.message))
    expect(reported).toEqual(['process jobs a', 'b'])
  })

  it('of a callback that throws or rejects are reported and go nowhere else', async () => {
    const reported: string[] = []
    const context = { concern: 'cache', operation: 'onDrop' }
    const onError = (error: Error): number => reported.push(error.message)
    runReported(
      () => {
        throw new Error('thrown')
      },
      context,
      onError,
    )
    runReported(
      async () => {
        throw new Error('rejected')
      },
      context,
      onError,
    )
    await new Promise((resolve) => setImmediate(resolve))
    expect(reported).toEqual(['thrown', 'rejected'])
  })

  it('of a reporter that fails go to the console, with the failure that it was to report', async () => {
    const lines: string[] = []
    vi.spyOn(console, 'error').mockImplementation((line: string) => void lines.push(line))
    reportFailure(new Error('first'), { concern: 'cron', operation: 'run' }, async () => {
      throw new Error('reporter is broken')
    })
    await vi.waitFor(() => expect(lines).toHaveLength(2))
    expect(lines).toEqual(['[msc/cron] run failed: first', '[msc/cron] onError failed: reporter is broken'])
  })

  it('that a reporter causes go to the console and not to the reporter again', async () => {
    const lines: string[] = []
    vi.spyOn(console, 'error').mockImplementation((line: string) => void lines.push(line))
    const reporter = vi.fn(() => reportFailure(new Error('second'), { concern: 'cron', operation: 'run' }))
    restore.push(setErrorReporter(reporter))
    reportFailure(new Error('first'), { concern: 'cron', operation: 'run' })
    await vi.waitFor(() => expect(lines).toEqual(['[msc/cron] run failed: second']))
    expect(reporter).toHaveBeenCalledTimes(1)
    reportFailure(new Error('third'), { concern: 'cron', operation: 'run' })
    expect(reporter).toHaveBeenCalledTimes(2)
  })

  it('that a reporter causes later also go to the console, and those of others meanwhile to the reporter', async () => {
    const lines: string[] = []
    vi.spyOn(console, 'error').mockImplementation((line: string) => void lines.push(line))
    const reported: string[] = []
    const nextTurn = (): Promise<void> => Promise.resolve()
    const reporter = async (error: Error): Promise<void> => {
      reported.push(error.message)
      await nextTurn()
      if (reported.length < 1000) reportFailure(new Error('own'), { concern: 'cron', operation: 'report' })
    }
    restore.push(setErrorReporter(reporter))
    reportFailure(new Error('first'), { concern: 'cron', operation: 'run' })
    await Promise.resolve()
    reportFailure(new Error('second'), { concern: 'cron', operation: 'run' })
    await vi.waitFor(() => expect(lines).toEqual(['[msc/cron] report failed: own']))
    expect(reported).toEqual(['first', 'second'])
  })

  it('are printed at most once in a while, redacted and with their hint', async () => {
    const lines: string[] = []
    vi.spyOn(console, 'error').mockImplementation((line: string) => void lines.push(line))
    const error = new ConfigError('No entry for redis://ana:hunter2@db.', {
      code: 'REDIS_URL_INVALID',
      hint: 'Set REDIS_URL.',
    })
    for (let n = 0; n < 5; n++)
      reportFailure(error, { concern: 'cache', driver: 'redis', operation: 'listen', topic: 'a' })
    await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0))
    await new Promise((resolve) => setImmediate(resolve))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('[msc/cache] [redis] listen failed: No entry for redis://')
    expect(lines[0]).toContain('Set REDIS_URL. (topic=a)')
    expect(lines[0]).not.toContain('hunter2')
  })
})
