import { doctor } from './doctor.ts'

const USAGE = `msc <command>

  doctor [--json]   asks every concern that the environment configures for its health
`

/** Runs the command line; resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args
  if (command === 'doctor') return doctor({ json: rest.includes('--json') })
  process[command === undefined || command === 'help' ? 'stdout' : 'stderr'].write(USAGE)
  return command === undefined || command === 'help' ? 0 : 2
}
