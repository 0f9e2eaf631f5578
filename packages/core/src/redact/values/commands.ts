/** Redis' options before a password: of HELLO and MIGRATE in capitals, of CONFIG SET and of its command line. */
const SIGNS_IN: ReadonlySet<string> = new Set(['AUTH', 'AUTH2', 'requirepass', 'masterauth'])

/** Longer than each of them. */
export const LONGEST_OPTION = 16

/** Are the arguments behind this one a user and a password? `auth` in small letters is a word like others. */
export function signsIn(argument: string): boolean {
  return SIGNS_IN.has(argument)
}

/** A user and a password. */
export const MOST_CREDENTIALS = 2
