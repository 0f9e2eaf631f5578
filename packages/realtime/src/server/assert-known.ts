import { ConfigError } from '@msc/core'

/** The names of options, each once: one that is missing, and one too many, do not compile. */
export type Names<Options> = Readonly<Record<keyof Options, true>>

/**
 * Refuses options that there are not: a name that is misspelt would be taken for one that was left out.
 *
 * @param inside The option that these are the value of.
 * @throws ConfigError `OPTION_INVALID`, which names them and what there is.
 */
export function assertKnown(options: object, names: Readonly<Record<string, true>>, inside?: string): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name))
  if (unknown === undefined) return
  const [path, where] = inside === undefined ? [unknown, 'the server'] : [`${inside}.${unknown}`, `\`${inside}\``]
  throw new ConfigError(`[msc/realtime] There is no option \`${path}\`.`, {
    code: 'OPTION_INVALID',
    hint: `Check how it is spelt: ${where} has ${Object.keys(names).join(', ')}.`,
  })
}
