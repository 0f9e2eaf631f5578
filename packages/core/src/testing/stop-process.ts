import { readFileSync } from 'node:fs'

/**
 * Sends SIGSTOP to a process and returns once it has stopped: a signal is carried out later than it is sent, and until then
 * the process may answer, or fork. Waits on the spot, a millisecond as a rule. Without `/proc`, it only sends the signal.
 * Node only.
 */
export function stopProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGSTOP')
  } catch {
    // The process has exited in the meantime.
    return
  }
  const nobody = new Int32Array(new SharedArrayBuffer(4))
  for (let waited = 0; waited < LONGEST_MS && !STOPPED.has(statOf(pid)[0] ?? ''); waited++)
    Atomics.wait(nobody, 0, 0, 1)
}

/** T: stopped. Z: has exited. Nothing: there is no such process, or no `/proc`. */
const STOPPED = new Set(['T', 'Z', ''])
/** A process that is asleep in the kernel stops when it wakes, which may be never. */
const LONGEST_MS = 5000

/** The fields of `/proc/<pid>/stat` from the third, which are state, parent, …; empty when there is no such process. */
export function statOf(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second is a name in brackets, which may contain anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}
