import { fork, type ChildProcess } from 'node:child_process'

/** A child process that reports by messages. Its output is dropped: clients complain a lot about an outage. */
export interface Worker {
  /** Starts its next step. */
  send(message: string): void
  /** Its next message, or `undefined` when it died or said nothing for `ms` milliseconds. */
  next<T>(ms: number): Promise<T | undefined>
  /** SIGKILL: its open sockets and timers don't count. */
  kill(): void
}

export function startWorker(file: URL, args: readonly string[]): Worker {
  const child: ChildProcess = fork(file, [...args], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const kill = (): void => void child.kill('SIGKILL')
  // One listener for each worker that lives, and there may be more of those than Node thinks right.
  process.setMaxListeners(50)
  process.once('exit', kill)
  const arrived: unknown[] = []
  let wake: (() => void) | undefined
  let dead = false
  child.on('message', (message) => {
    arrived.push(message)
    wake?.()
  })
  const died = (): void => {
    dead = true
    process.removeListener('exit', kill)
    wake?.()
  }
  child.once('exit', died)
  child.once('error', died)
  return {
    send: (message) => void (child.connected && child.send(message)),
    async next<T>(ms: number) {
      if (arrived.length === 0 && !dead) {
        let timer: NodeJS.Timeout | undefined
        await new Promise<void>((resolve) => {
          wake = resolve
          timer = setTimeout(resolve, ms)
        })
        clearTimeout(timer)
      }
      return arrived.shift() as T | undefined
    },
    kill,
  }
}
