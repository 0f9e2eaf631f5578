import { systemClock } from '../../time/clock.ts'
import type { HostProcess, Listener } from './host-process.ts'

export interface SignalDelivery {
  writeLastWords(): void
  flush(): Promise<void>
}

/**
 * Delivers when `signal` arrives and then lets it have its usual effect: it ends the process, unless the application had a
 * listener for it when it arrived.
 *
 * @param number The signal's number, for the exit status if the signal itself has no effect.
 */
export function signalListener(host: HostProcess, signal: string, number: number, delivery: SignalDelivery): Listener {
  let delivering = false
  const listener = (): void => {
    const leftToApplication = listenersThatDecide(host, signal) > 1
    delivery.writeLastWords()
    // A second signal means that the sender does not want to wait.
    const delivered = delivering ? Promise.resolve() : delivery.flush()
    delivering = true
    void delivered.then(() => {
      delivering = false
      if (leftToApplication) return
      // Without this listener the signal has its usual effect, and the parent sees the usual status.
      host.removeListener(signal, listener)
      raise(host, signal, number)
    })
  }
  return listener
}

function raise(host: HostProcess, signal: string, number: number): void {
  const others = host.listenerCount(signal)
  try {
    host.kill(host.pid, signal)
  } catch {
    // Windows can't send SIGHUP.
    host.exit(128 + number)
    return
  }
  // The remaining listeners get the signal now and decide.
  if (others > 0) return
  // A signal that the first process of a container (PID 1) sends itself has no effect.
  systemClock.setTimeout(() => host.exit(128 + number), 100, { keepAlive: true })
}

const SIGNAL_EXIT_4 = Symbol.for('signal-exit emitter')

/**
 * Counts the listeners of a signal, including this one, without those of `signal-exit` (a dependency of execa, tsx, ora and
 * others). Those end the process only if they find no other listener, so they and this one would wait for each other. They
 * do so when the signal is raised again without this listener. `signal-exit` publishes its number of listeners for other
 * versions of itself.
 *
 * Source: https://github.com/tapjs/signal-exit/blob/v4.1.0/src/index.ts (`count`);
 * https://github.com/privatenumber/tsx/issues/193
 */
function listenersThatDecide(host: HostProcess, signal: string): number {
  const { __signal_exit_emitter__: before4 } = host as { readonly __signal_exit_emitter__?: unknown }
  const since4 = (globalThis as { readonly [SIGNAL_EXIT_4]?: unknown })[SIGNAL_EXIT_4]
  return host.listenerCount(signal) - countOf(before4) - countOf(since4)
}

function countOf(emitter: unknown): number {
  const { count } = (emitter ?? {}) as { readonly count?: unknown }
  return typeof count === 'number' && count > 0 ? count : 0
}
