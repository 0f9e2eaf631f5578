import { USAGE, readArguments } from './arguments.ts'
import { oneLine } from './one-line.ts'
import { timeLeft } from './time-left.ts'

export interface Output {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
}

const STREAMS: Output = {
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
}

/**
 * Runs the command line and resolves with the exit code when everything is written: 0 nothing is wrong, 1 something is
 * down or wrong, 2 the arguments are wrong. Connections may still be open then, so the caller has to end the process.
 */
export async function main(args: readonly string[], { out, error }: Output = STREAMS): Promise<0 | 1 | 2> {
  const command = readArguments(args)
  switch (command.command) {
    case 'refused':
      error(`msc: ${oneLine(command.message)}\nRun msc --help for the commands and options.\n`)
      return 2
    case 'help':
      out(USAGE)
      return 0
    case 'version':
      out(`${await version()}\n`)
      return 0
    case 'doctor': {
      if (!hasFolder()) {
        error('msc: The working folder no longer exists.\nRun msc doctor in the folder of the application.\n')
        return 2
      }
      const { doctor } = await import('./doctor.ts')
      const diagnosis = await doctor({ timeoutMs: () => timeLeft(performance.now()), ...command, write: out })
      // Not awaited: a silent backend would not answer to the end of its connection either.
      void diagnosis.close()
      return diagnosis.exitCode
    }
  }
}

/** A shell can stay in a folder that has been removed. */
function hasFolder(): boolean {
  try {
    return process.cwd() !== ''
  } catch {
    return false
  }
}

async function version(): Promise<string> {
  const { manifestOf } = await import('./facts/installed.ts')
  return (await manifestOf('@msc/platform')).manifest.version ?? 'unknown'
}
