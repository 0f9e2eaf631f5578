import { Worker } from 'node:worker_threads'
import { toError, type Clock } from '@msc/core'
import type { ScryptCost } from './passwords-hash.ts'

export interface ScryptInput extends ScryptCost {
  readonly password: Uint8Array
  readonly salt: Uint8Array
  readonly bytes: number
}

/** A thread that computes scrypt, one hash after the other. */
export interface ScryptThread {
  /**
   * Computes one hash. The caller waits for it before the next. The thread is made by the first call, and by the first one
   * after it has ended.
   *
   * @throws {@link ScryptRefused}; Error when the thread dies or has no memory.
   */
  run(input: ScryptInput): Promise<Uint8Array>
  /** Ends the thread. Resolves when its memory is free again, which may take until its hash is finished. */
  end(): Promise<void>
}

/** Kept as text, since a bundled application has no file of that name beside it. */
const SOURCE = `
const { parentPort } = require('node:worker_threads')
const { scryptSync } = require('node:crypto')
const { setPriority } = require('node:os')
// On Linux this is the priority of the calling thread; elsewhere it would be that of the whole process. Requests come first.
try { if (process.platform === 'linux') setPriority(0, 10) } catch {}
parentPort.on('message', ({ password, salt, bytes, n, r, p }) => {
  try {
    parentPort.postMessage({ key: scryptSync(password, salt, bytes, { N: n, r, p, maxmem: 256 * r * (n + p) + 4096 }) })
  } catch (error) {
    parentPort.postMessage({ error: String(error && error.message), code: error && error.code })
  }
})`

const INVALID = 'ERR_CRYPTO_INVALID_SCRYPT_PARAMS'

interface Answer {
  readonly key?: Uint8Array
  readonly error?: string
  readonly code?: unknown
}

/** The parameters are none that scrypt takes. The thread goes on. */
export class ScryptRefused extends Error {}

/**
 * Not the pool of libuv: its four threads also read files and resolve names, and four hashes would stop all of that. The
 * thread holds no process open; whoever waits for a hash does.
 */
export function createScryptThread({
  clock,
  idleMs,
}: {
  readonly clock: Clock
  readonly idleMs: number
}): ScryptThread {
  let worker: Worker | undefined
  let cancelIdle: (() => void) | undefined

  const open = (): Worker => {
    if (worker) return worker
    // No options of this process and nothing of its environment: the thread needs neither loaders nor secrets.
    const made = new Worker(SOURCE, { eval: true, execArgv: [], env: {}, name: 'msc-passwords' })
    made.unref()
    const gone = (): void => {
      if (worker === made) worker = undefined
    }
    // Without a listener, an error of a thread that nobody waits for would end the process.
    made.on('error', gone).on('exit', gone)
    return (worker = made)
  }
  const end = async (): Promise<void> => {
    cancelIdle?.()
    const ending = worker
    worker = undefined
    await ending?.terminate()
  }
  return {
    end,
    run(input) {
      cancelIdle?.()
      return new Promise<Uint8Array>((resolve, reject) => {
        const thread = open()
        const stop = (): void => {
          thread.off('message', onMessage).off('error', onError).off('exit', onExit)
        }
        const onMessage = ({ key, error, code }: Answer): void => {
          stop()
          cancelIdle = clock.setTimeout(() => void end(), idleMs)
          if (key) resolve(key)
          else reject(code === INVALID ? new ScryptRefused(error) : new Error(error))
        }
        const onError = (error: unknown): void => {
          stop()
          reject(toError(error))
        }
        const onExit = (): void => onError(new Error('The thread ended.'))
        thread.on('message', onMessage).on('error', onError).on('exit', onExit)
        thread.postMessage(input, [])
      })
    },
  }
}
