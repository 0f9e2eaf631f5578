import { parseArgs } from 'node:util'
import { closest } from './closest.ts'

export type Command =
  | { readonly command: 'help' | 'version' }
  | {
      readonly command: 'doctor'
      readonly json: boolean
      readonly strict: boolean
      readonly timeoutMs?: number
      readonly configFile?: string
    }
  /** The command line is wrong: nothing is run. */
  | { readonly command: 'refused'; readonly message: string }

export const USAGE = `msc <command> [options]

  doctor   asks every backend that the environment names for a round trip, and checks
           the versions, secrets, folders, clock and crons of the application
  help     prints this, as does --help

Options of doctor
  --json               prints one JSON object instead of lines
  --strict             fails for warnings too
  --timeout <seconds>  waits as long for each answer; default 2.5 from the start of the command
  --config <file>      the application's msc.config; default the one in this folder

Everywhere
  -h, --help           prints this
  -v, --version        prints the version

Exit codes: 0 nothing is wrong, 1 something is down or wrong, 2 wrong use.
`

const COMMANDS = ['doctor', 'help', 'version']
const EVERYWHERE = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } } as const
const OF_DOCTOR = {
  json: { type: 'boolean' },
  strict: { type: 'boolean' },
  timeout: { type: 'string' },
  config: { type: 'string' },
} as const
const OPTIONS = { ...EVERYWHERE, ...OF_DOCTOR }
/** In seconds. */
const MOST_TIMEOUT = 600

/** Reads a command line. A pure function. */
export function readArguments(args: readonly string[]): Command {
  const { tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind !== 'option' || Object.hasOwn(OPTIONS, token.name)) continue
    const near = closest(token.name, Object.keys(OPTIONS))
    return refused(`There is no option ${token.rawName}.`, near && `--${near}`)
  }
  let parsed
  try {
    parsed = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    return refused(`${(error as Error).message.split('\n')[0]?.replace(/\.$/, '')}.`)
  }
  const { values, positionals } = parsed
  if (values.help) return { command: 'help' }
  if (values.version) return { command: 'version' }
  const [command, ...rest] = positionals
  if (command === undefined) return refused('A command is missing.', 'doctor')
  if (!COMMANDS.includes(command)) return refused(`There is no command ${command}.`, closest(command, COMMANDS))
  if (command === 'help' || command === 'version') return { command }
  if (rest.length > 0) return refused(`msc doctor takes no arguments: ${rest.join(' ')}.`)
  const seconds = values.timeout === undefined ? undefined : Number(values.timeout.trim() || Number.NaN)
  if (seconds !== undefined && !(seconds > 0 && seconds <= MOST_TIMEOUT)) {
    return refused(`--timeout takes seconds, more than 0 and at most ${MOST_TIMEOUT}.`, '--timeout 2.5')
  }
  return {
    command: 'doctor',
    json: values.json ?? false,
    strict: values.strict ?? false,
    ...(seconds !== undefined && { timeoutMs: Math.ceil(seconds * 1000) }),
    ...(values.config !== undefined && { configFile: values.config }),
  }
}

function refused(message: string, suggestion?: string): Command {
  return { command: 'refused', message: suggestion === undefined ? message : `${message} Did you mean ${suggestion}?` }
}
