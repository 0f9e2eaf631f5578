// What of vitest the conformance suite uses, for runtimes that vitest does not run in.
type Hook = () => unknown
interface Test {
  readonly name: string
  readonly run: Hook
}

const tests: Test[] = []
const before: Hook[] = []
const beforeEvery: Hook[] = []
const after: Hook[] = []

type Each = (rows: readonly unknown[]) => (name: string, run: (...row: never[]) => unknown) => void

const group = (_name: string, body: () => void): void => body()
export const describe: typeof group & { each: Each } = Object.assign(group, {
  each: ((rows) => (_name, body) => {
    for (const row of rows) body(...((Array.isArray(row) ? row : [row]) as never[]))
  }) satisfies Each,
})
export const beforeAll = (hook: Hook): void => void before.push(hook)
export const beforeEach = (hook: Hook): void => void beforeEvery.push(hook)
export const afterAll = (hook: Hook): void => void after.push(hook)

const add = (name: string, run: Hook): void => void tests.push({ name, run })
const each: Each = (rows) => (name, run) => {
  for (const row of rows) {
    const values = (Array.isArray(row) ? row : [row]) as never[]
    add(name.replace('%s', String(values[0])), () => run(...values))
  }
}
export const it: ((name: string, run: Hook) => void) & { each: Each } = Object.assign(add, { each })

function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => equal((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
}

interface Matchers {
  toBe(expected: unknown): void
  toEqual(expected: unknown): void
  toBeUndefined(): void
  toBeGreaterThan(least: number): void
  toBeLessThanOrEqual(most: number): void
  readonly resolves: { toBeUndefined(): Promise<void> }
}

export function expect(actual: unknown): Matchers {
  const hold = (good: boolean, what: string): void => {
    if (!good) throw new Error(`expected ${what}, got ${JSON.stringify(actual)}`)
  }
  return {
    toBe: (expected: unknown) => hold(Object.is(actual, expected), JSON.stringify(expected)),
    toEqual: (expected: unknown) => hold(equal(actual, expected), JSON.stringify(expected)),
    toBeUndefined: () => hold(actual === undefined, 'undefined'),
    toBeGreaterThan: (least: number) => hold((actual as number) > least, `more than ${least}`),
    toBeLessThanOrEqual: (most: number) => hold((actual as number) <= most, `at most ${most}`),
    resolves: {
      async toBeUndefined() {
        if ((await (actual as Promise<unknown>)) !== undefined) throw new Error('expected undefined')
      },
    },
  }
}

export interface Report {
  readonly passed: number
  readonly failures: string[]
}

export async function runAll(): Promise<Report> {
  const failures: string[] = []
  for (const hook of before) await hook()
  for (const { name, run } of tests) {
    try {
      for (const hook of beforeEvery) await hook()
      await run()
    } catch (error) {
      failures.push(`${name}: ${String(error)}`)
    }
  }
  for (const hook of after) await hook()
  return { passed: tests.length - failures.length, failures }
}
