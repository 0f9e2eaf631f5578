import { randomHex } from '@msc/core'

interface Host {
  readonly pid?: number
  readonly kill?: (pid: number, signal: 0) => void
  readonly getBuiltinModule?: (id: string) => { hostname?: () => string; readFileSync?: Read } | undefined
}
type Read = (path: string, encoding: 'utf8') => string

const here = (): Host => (globalThis as { process?: Host }).process ?? {}
const hostname = (): string => here().getBuiltinModule?.('node:os')?.hostname?.() ?? 'unknown'

/** `host/pid/start/random`: says where a worker is, or was. */
export function ownerId(): string {
  const pid = here().pid ?? 0
  return `${hostname()}/${pid}/${startOf(pid) ?? ''}/${randomHex(4)}`
}

/**
 * False only when it is certain that a worker is gone: a process of this machine that has ended. A container that starts
 * again has the same name and often the same pid, so the time at which a process started is compared too, where the
 * system tells it.
 */
export function isAlive(owner: string): boolean {
  const [host, pidText, start] = owner.split('/')
  const { kill, pid: own } = here()
  const pid = Number(pidText)
  if (host !== hostname() || !kill || !Number.isInteger(pid) || pid <= 0) return true
  if (pid !== own) {
    try {
      kill(pid, 0)
    } catch (error) {
      // EPERM: it is there, and somebody else's.
      if ((error as { code?: string }).code !== 'EPERM') return false
    }
  }
  const now = startOf(pid)
  return start === '' || now === undefined || now === start
}

/** When a process started, in ticks since the machine did: field 22 of /proc/pid/stat (proc(5)). Linux only. */
function startOf(pid: number): string | undefined {
  try {
    const stat = here().getBuiltinModule?.('node:fs')?.readFileSync?.(`/proc/${pid}/stat`, 'utf8')
    // The name, in parentheses, may hold spaces and parentheses.
    return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
