/**
 * Options of Redis that precede a password: in HELLO and MIGRATE (in capitals), in CONFIG SET and on its command line.
 */
const SIGNS_IN: ReadonlySet<string> = new Set(['AUTH', 'AUTH2', 'requirepass', 'masterauth'])

/** The longest option that is looked up, in characters. */
export const LONGEST_OPTION = 16

/** True when a user and a password follow this argument. `auth` in lower case is an ordinary word. */
export function signsIn(argument: string): boolean {
  return SIGNS_IN.has(argument)
}

/** Credentials are at most a user and a password. */
export const MAX_CREDENTIALS = 2
