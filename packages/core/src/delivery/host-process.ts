/** What is used of Node's `process`; looked up at run time, since this package imports no Node builtin. */
export interface HostProcess {
  readonly pid: number
  readonly version: string
  readonly versions?: { readonly node?: string }
  readonly execArgv?: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
  exitCode?: number | string | null | undefined
  on(event: string, listener: Listener): unknown
  prependListener?(event: string, listener: Listener): unknown
  removeListener(event: string, listener: Listener): unknown
  listenerCount(event: string): number
  emit(event: string, ...values: unknown[]): boolean
  emitWarning?(warning: string, name: string): void
  kill(pid: number, signal: string): unknown
  exit(code: number): unknown
  getBuiltinModule?(id: string): unknown
}

export type Listener = (...values: never[]) => void

/** The process, where it is Node's or behaves as one; `undefined` in browsers and edge runtimes. */
export function hostProcess(): HostProcess | undefined {
  try {
    const { process } = globalThis as unknown as { readonly process?: HostProcess }
    const isNode = typeof process?.versions?.node === 'string'
    return isNode && typeof process.on === 'function' && typeof process.listenerCount === 'function'
      ? process
      : undefined
  } catch {
    // Some edge runtimes have a `process` that throws when it is looked at.
    return undefined
  }
}

type RejectionMode = 'throw' | 'strict' | 'warn' | 'none' | 'warn-with-error-code'

const MODES: ReadonlySet<string> = new Set<RejectionMode>(['throw', 'strict', 'warn', 'none', 'warn-with-error-code'])

/**
 * What `--unhandled-rejections` says; the command line wins over `NODE_OPTIONS`, the last flag over those before it.
 * Default `throw`, as in Node since version 15.
 */
export function rejectionMode({ execArgv = [], env = {} }: Pick<HostProcess, 'execArgv' | 'env'>): RejectionMode {
  const words = [...(env['NODE_OPTIONS'] ?? '').split(/\s+/), ...execArgv]
  let mode: RejectionMode = 'throw'
  for (const [index, word] of words.entries()) {
    const [flag = '', value = words[index + 1] ?? ''] = word.split('=', 2)
    // Node takes underscores for dashes.
    if (flag.replaceAll('_', '-') !== '--unhandled-rejections') continue
    if (MODES.has(value)) mode = value as RejectionMode
  }
  return mode
}

/** Writes an error that ends the process as Node would: to stderr, at once, with its stack. */
export function printFatal(host: HostProcess, error: unknown): void {
  const { inspect } = (host.getBuiltinModule?.('node:util') ?? {}) as { inspect?: (value: unknown) => string }
  const { writeSync } = (host.getBuiltinModule?.('node:fs') ?? {}) as { writeSync?: (fd: number, text: string) => void }
  const shown = inspect ? inspect(error) : String((error as { stack?: unknown } | null)?.stack ?? error)
  const text = `${error instanceof Error ? '' : 'Uncaught:\n'}${shown}\n\nNode.js ${host.version}\n`
  try {
    if (!writeSync) throw new Error('There is no file system.')
    // Synchronous, since what is buffered is lost at the exit.
    writeSync(2, text)
  } catch {
    console.error(text)
  }
}
