import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from './lib/pnpm.mjs'

const { PATH, HOME } = process.env
const doctor = (args, env = {}) =>
  spawnSync(process.execPath, [join(root, 'scripts', 'doctor.mjs'), ...args], {
    env: { PATH, HOME, ...env },
    encoding: 'utf8',
  })

it('ends with the exit code of the doctor, and leaves standard output to it', { timeout: 60_000 }, () => {
  const wrong = doctor(['--nosuch'])
  expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('There is no option --nosuch')])
  const down = doctor(['--json'], { REDIS_URL: 'nonsense' })
  expect(down.status).toBe(1)
  expect(JSON.stringify(JSON.parse(down.stdout))).toContain('REDIS_URL_INVALID')
})
