import { spawn } from 'node:child_process'
import { quietEnv } from '../lib/pnpm.mjs'

/**
 * Runs a command; resolves with what it printed.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd: string, env?: Record<string, string>, seconds?: number, stop?: { signal: NodeJS.Signals, after: string
 *   } }} options `stop`: the signal for a command that does not end by itself, sent once it has printed `after`.
 * @throws Error with all of its output when it fails or runs longer than `seconds` (default 180).
 */
export function run(command, args, { cwd, env = {}, seconds = 180, stop }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...quietEnv, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    if (stop) child.stdout.on('data', () => output.includes(stop.after) && child.kill(stop.signal))
    const fail = (why) => reject(new Error(`${command} ${args.join(' ')} ${why}:\n${output.slice(-20_000)}`))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail(`took over ${seconds} s`)
    }, seconds * 1000)
    child.once('error', (error) => fail(error.message))
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      if (code === 0) resolve(output)
      else fail(`ended with ${code ?? signal}`)
    })
  })
}
