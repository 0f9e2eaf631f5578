import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const source = dirname(fileURLToPath(import.meta.url))
const run = promisify(execFile)

/** A program of `count` events, each with a job, as an application would write them. */
function program(count: number): string {
  // It lies in node_modules/.cache/types-…
  const lines = [`import { createJobs, defineEvent, defineJob } from '../../../src/index.ts'`]
  lines.push(`import { embedded } from '../../../src/drivers/embedded.ts'`)
  lines.push(`import { memoryStore } from '../../../src/stores/memory.ts'`)
  for (let n = 0; n < count; n++) {
    lines.push(`const event${n} = defineEvent<{ readonly id${n}: string; readonly n: number }>('area/event-${n}')`)
    lines.push(`const job${n} = defineJob({ id: 'job-${n}', triggers: [event${n}] }, async ({ event, step }) => {`)
    lines.push(`  const length = await step.run('a', () => event.data.id${n}.length + event.data.n)`)
    if (n > 0) lines.push(`  await step.invoke('b', job${n - 1}, { data: { id${n - 1}: 'x', n: length } })`)
    lines.push(`  const told = await step.waitForEvent('c', { event: event0, timeout: '1h' })`)
    lines.push(`  return { length, told: told?.data.id0 }`)
    lines.push(`})`)
  }
  const all = Array.from({ length: count }, (_, n) => `job${n}`).join(', ')
  lines.push(`export const jobs = createJobs({ jobs: [${all}], driver: embedded({ store: memoryStore() }) })`)
  for (let n = 0; n < count; n++) lines.push(`await jobs.send(event${n}, { id${n}: 'x', n: ${n} })`)
  lines.push('// @ts-expect-error The data of another event.')
  lines.push(`await jobs.send(event0, { id1: 'x', n: 1 })`)
  lines.push('// @ts-expect-error A property that the event has not.')
  lines.push(`defineJob({ id: 'x', triggers: [event0] }, ({ event }) => event.data.nothing)`)
  return lines.join('\n')
}

describe('types', () => {
  let folder: string
  beforeAll(() => {
    const cache = join(source, '../node_modules/.cache')
    mkdirSync(cache, { recursive: true })
    folder = mkdtempSync(join(cache, 'types-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** What the compiler had to make of the types; fails where it finds an error. */
  async function instantiations(count: number): Promise<number> {
    const name = `program-${count}`
    writeFileSync(join(folder, `${name}.ts`), program(count))
    writeFileSync(
      join(folder, `${name}.json`),
      JSON.stringify({
        extends: '../../../../../tsconfig.base.json',
        compilerOptions: { noEmit: true, isolatedDeclarations: false, declaration: false },
        files: [`${name}.ts`],
      }),
    )
    const { stdout } = await run(join(source, '../../../node_modules/.bin/tsc'), [
      '-p',
      join(folder, `${name}.json`),
      '--extendedDiagnostics',
    ]).catch((error: { stdout?: string }) => {
      throw new Error(`The program does not compile: ${error.stdout}`)
    })
    return Number(/Instantiations:\s+(\d+)/.exec(stdout)?.[1])
  }

  it('of 200 events cost the compiler in proportion, and each job and send is checked against its own', async () => {
    const few = await instantiations(20)
    const many = await instantiations(200)
    const each = (many - few) / 180
    expect(few).toBeGreaterThan(0)
    // Each event is a definition, a job with three steps and a send. With one map of all events it is thousands.
    expect(each).toBeLessThan(150)
  })
})
