import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

/** Runs the script in a separate process, because the test runner catches errors that listeners throw in this one. */
const runAlone = async (script: string): Promise<string> => {
  const args = ['--conditions=@msc/source', '--no-warnings', '--input-type=module', '--eval', script]
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  })
  return stdout
}

const listens = `(signal) => {
  signal.addEventListener('abort', () => { throw new Error('of the listener') })
  return new Promise(() => {})
}`

it('a service without an engine survives an abort listener of its driver that throws', async () => {
  const output = await runAlone(`
    import { createService, setErrorReporter } from '@msc/core'
    setErrorReporter((error, { concern }) => console.log(concern + ': ' + error.message))
    const driver = { name: 'smtp', health: ${listens}, close: async () => {} }
    const { status } = await createService({ concern: 'mail', driver }).service.health({ timeoutMs: 1 })
    setImmediate(() => console.log('alive, ' + status))
  `)
  expect(output.trim().split('\n')).toEqual(['mail: of the listener', 'alive, down'])
})

it('a bare deadline survives one too after guardSignals()', async () => {
  const script = (guard: string): string => `
    import { deadline, guardSignals, setErrorReporter } from '@msc/core'
    ${guard}
    setErrorReporter((error) => console.log(error.message))
    const { code } = await deadline(${listens}, { operation: 'GET profile', timeoutMs: 1 }).catch((error) => error)
    setImmediate(() => console.log('alive, ' + code))
  `
  const output = await runAlone(script('guardSignals()'))
  expect(output.trim().split('\n')).toEqual(['of the listener', 'alive, DEADLINE_EXCEEDED'])
  await expect(runAlone(script(''))).rejects.toThrow('of the listener')
})
