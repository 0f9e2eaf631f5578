import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { trackErrors } from './track.ts'

function tracking<T>(make: () => T) {
  const reported: string[] = []
  const run = trackErrors((error) => reported.push((error as Error).message), make)
  return { run, reported }
}

/* oxlint-disable unicorn/no-thenable -- what builders of queries are */

describe('the result of a tracked function', () => {
  it.each([
    ['a frozen thenable', () => Object.freeze({ then: (ok: (value: string) => void) => ok('rows') }), 'rows'],
    [
      'a frozen thenable that rejects',
      () => Object.freeze({ then: (_ok: unknown, no: (error: Error) => void) => no(new Error('the application’s')) }),
      'the application’s',
    ],
  ])('may be %s, which settles as it would without tracking', async (_what, make, expected) => {
    const result = make()
    const { run } = tracking(() => result)
    expect(run()).toBe(result)
    const settled = await (result as PromiseLike<string>).then(
      (value) => value,
      (error: Error) => error.message,
    )
    expect(settled).toBe(expected)
  })

  it('may be a frozen async iterator', async () => {
    const { run } = tracking(() =>
      Object.freeze({
        [Symbol.asyncIterator]() {
          return this
        },
        next: async () => ({ done: true as const, value: 1 }),
      }),
    )
    const seen: unknown[] = []
    for await (const each of run()) seen.push(each)
    expect(seen).toEqual([])
  })

  it('keeps its identity and its private members, and its failure is reported', async () => {
    class Query {
      #sql = 'select 1'
      static textOf(query: Query): string {
        return query.#sql
      }
      then(_ok: unknown, no?: (error: Error) => void): void {
        no?.(new Error(`${this.#sql} failed`))
      }
    }
    const query = new Query()
    const { run, reported } = tracking(() => query)
    expect(run()).toBe(query)
    expect(Query.textOf(run())).toBe('select 1')
    expect(Object.keys(query)).toEqual([])
    await expect(Promise.resolve(query as unknown as Promise<never>)).rejects.toThrow('select 1 failed')
    // Returned twice, reported once.
    expect(reported).toEqual(['select 1 failed'])
  })

  it('may be hostile: a revoked proxy, a `then` that throws, a promise with a `then` of its own', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const throwing = {
      get then(): never {
        throw new Error('then')
      },
    }
    const lazy = Object.assign(Promise.resolve(1), {
      then: () => {
        throw new Error('started')
      },
    })
    for (const result of [proxy, throwing, lazy]) expect(tracking(() => result).run() === result).toBe(true)
  })
})

describe('whether a rejection is handled', () => {
  /** Runs the lines in a separate process, with a tracked function `run` that rejects, and `same` that returns one promise. */
  function inProcess(lines: string): { readonly code: number | null; readonly out: string; readonly fatal: string } {
    const script = `
      import { trackErrors } from ${JSON.stringify(new URL('track.ts', import.meta.url).href)}
      const report = (error) => console.log('reported ' + error.message)
      const fail = async () => { throw new Error('charge failed') }
      const run = trackErrors(report, fail)
      const steps = trackErrors(report, async function* () { yield 1; throw new Error('charge failed') })
      ${lines}`
    const args = ['--conditions=@msc/source', '--no-warnings', '--input-type=module', '--eval', script]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    return { code: status, out: stdout.trim(), fatal: stderr }
  }

  it.each([
    ['an async function', 'run()', 'reported charge failed'],
    ['a step of an async generator', 'const it = steps(); await it.next(); it.next()', 'reported charge failed'],
    ['a tracked function in another', 'trackErrors(report, run)()', 'reported charge failed'],
    // No caller listens to it, so the tracker does not either.
    ['a function that returns a promise', 'trackErrors(report, () => fail())()', ''],
  ])('is not affected: if no caller awaits %s, the process ends', (_what, lines, reported) => {
    const { code, out, fatal } = inProcess(`${lines}\nsetTimeout(() => console.log('went on'), 60_000)`)
    expect(fatal).toContain('Error: charge failed')
    expect(code).toBe(1)
    expect(out).toBe(reported)
  })

  it('continues if another caller has handled the discarded promise', () => {
    const lines = `
      const handled = () => { const p = fail(); p.catch(() => {}); return p }
      trackErrors(report, handled)()
      const shared = fail()
      trackErrors(report, () => shared)()
      shared.catch(() => {})
      setTimeout(() => console.log('went on'), 20)`
    expect(inProcess(lines)).toMatchObject({ code: 0, fatal: '' })
  })

  it.each([
    ['an async function', 'try { await run() } catch {}'],
    ['an async generator', 'try { for await (const each of steps()); } catch {}'],
    [
      'one promise returned twice',
      'const p = fail(); const same = trackErrors(report, () => p); same(); try { await same() } catch {}',
    ],
  ])('is decided by the caller, who catches the error of %s', (_what, lines) => {
    const { code, out, fatal } = inProcess(`${lines}\nconsole.log('went on')`)
    expect(fatal).toBe('')
    expect(code).toBe(0)
    expect(out).toBe('reported charge failed\nwent on')
  })
})

describe('a promise that is returned', () => {
  it('is the same object with its own properties, and its failure is reported however it is awaited', async () => {
    const controllers = new WeakMap<object, string>()
    const fail = (): Promise<string> => {
      const promise = Object.assign(Promise.reject(new Error('charge failed')), {
        cancel(this: object) {
          return controllers.get(this)
        },
      })
      controllers.set(promise, 'canceled')
      return promise
    }
    const ways: readonly ((promise: Promise<string>) => Promise<unknown>)[] = [
      async (promise) => {
        await promise
      },
      (promise) => Promise.all([promise, 1]),
      (promise) => Promise.race([promise, new Promise(() => {})]),
      (promise) => promise.finally(() => {}),
      (promise) => promise.then((value) => value),
      (promise) => Promise.resolve(promise),
      (promise) => new Promise((resolve) => resolve(promise)),
      async (promise) => promise,
    ]
    for (const way of ways) {
      const given = fail()
      const { run, reported } = tracking(() => given)
      const got = run() as Promise<string> & { cancel(): string }
      expect(got).toBe(given)
      expect(got.cancel()).toBe('canceled')
      await expect(way(got)).rejects.toThrow('charge failed')
      // Awaited again, reported once.
      await expect(got).rejects.toThrow('charge failed')
      expect(reported).toEqual(['charge failed'])
      expect(got).toBeInstanceOf(Promise)
      expect(got.then(undefined, () => {})).toBeInstanceOf(Promise)
      expect(Object.keys(got)).toEqual(['cancel'])
    }
  })

  it('is reported by each function that returns it, up to ten of them', async () => {
    const shared = Promise.reject(new Error('charge failed'))
    const trackers = Array.from({ length: 1000 }, () => tracking(() => shared))
    for (const { run } of trackers) run()
    await expect(shared).rejects.toThrow('charge failed')
    expect(trackers.filter(({ reported }) => reported.length === 1)).toHaveLength(10)
  })

  it('settles even if it is frozen or was handled before', async () => {
    const frozen = Object.freeze(Promise.resolve(1))
    expect(await tracking(() => frozen).run()).toBe(1)
    const handled = Promise.reject(new Error('charge failed'))
    handled.catch(() => {})
    expect(tracking(() => handled).run()).toBe(handled)
  })

  it('is the same object if it is of a subclass, and its failure is reported', async () => {
    class Job extends Promise<string> {
      readonly #id = 'job 1'
      get id(): string {
        return this.#id
      }
    }
    const job = new Job((_resolve, reject) => reject(new Error('charge failed')))
    const { run, reported } = tracking(() => job)
    expect(run()).toBe(job)
    expect(run().id).toBe('job 1')
    await expect((async () => run())()).rejects.toThrow('charge failed')
    expect(reported).toEqual(['charge failed'])
  })
})
