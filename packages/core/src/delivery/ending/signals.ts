import { systemClock } from '../../time/clock.ts'
import type { HostProcess, Listener } from './host-process.ts'

export interface SignalDelivery {
  sayLastWords(): void
  flush(): Promise<void>
}

/**
 * Delivers when `signal` comes and then lets it do what it would have done without us: end the process, unless the
 * application had a listener for it when it came.
 *
 * @param number The signal's number, for the exit status where the signal itself has no effect.
 */
export function signalListener(host: HostProcess, signal: string, number: number, delivery: SignalDelivery): Listener {
  let delivering = false
  const listener = (): void => {
    const leftToApplication = listenersThatDecide(host, signal) > 1
    delivery.sayLastWords()
    // Whoever sends it again does not want to wait.
    const delivered = delivering ? Promise.resolve() : delivery.flush()
    delivering = true
    void delivered.then(() => {
      delivering = false
      if (leftToApplication) return
      // Without our listener the signal has its usual effect, and the parent sees the usual status.
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
  // Whoever still listens gets it now, and decides.
  if (others > 0) return
  // The first process of a container is spared by its own signals.
  systemClock.setTimeout(() => host.exit(128 + number), 100, { keepAlive: true })
}

const SIGNAL_EXIT_4 = Symbol.for('signal-exit emitter')

/**
 * The listeners of a signal, ours included, without those of `signal-exit` (which execa, tsx, ora and others bring
 * along). They set nothing up: they end the process once they find nobody else, so as long as we wait for them they wait
 * for us. When it is raised again without us they do so. How many there are is what `signal-exit` says itself, for other
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
