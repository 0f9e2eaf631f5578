import { createNameBook, type NameBook } from './names/name-book.ts'
import { judgeName, judgePhrase, ownNames, type Verdict } from './names/names.ts'
import { limitsOf, type Limits, type RedactOptions } from './options.ts'
import type { Role } from './roles.ts'
import { splitWords } from './names/words.ts'

/** Prepared options, shared by every call of one redactor. */
export interface Rules {
  readonly limits: Limits
  readonly patterns: readonly RegExp[]
  /** Names that are kept in allow mode, normalised by {@link squeeze}; `undefined` in deny mode. */
  readonly allow: ReadonlySet<string> | undefined
  /** Judges names inside text. */
  readonly names: NameBook
  /** Judges two words of running text as one name. */
  readonly phrases: NameBook
  /** Judges property names. */
  readonly judge: (name: string) => Verdict
  readonly known: Map<string, KnownName>
}

/** The cached verdict on a property name, with its cleaned form. */
export interface KnownName {
  readonly verdict: Verdict
  readonly role: Role
  readonly clean: string
  readonly allowed: boolean
}

/** No built-in rule matches a name of two letters. */
const SHORTEST_NAME = 3

/** Joins the options of the process with a redactor's own, in that order. */
export function createRules(shared: RedactOptions, own: RedactOptions): Rules {
  const keys = ownNames([...(shared.keys ?? []), ...(own.keys ?? [])])
  const judge = (name: string): Verdict => judgeName(name, keys)
  const allows = shared.mode === 'allow' || own.mode === 'allow'
  return {
    limits: limitsOf(own, shared),
    patterns: [...(shared.patterns ?? []), ...(own.patterns ?? [])].map(globalPattern),
    allow: allows ? new Set([...(shared.allow ?? []), ...(own.allow ?? [])].map(squeeze)) : undefined,
    names: createNameBook(judge, keys.length > 0 ? 1 : SHORTEST_NAME),
    phrases: createNameBook(judgePhrase, SHORTEST_NAME),
    judge,
    known: new Map(),
  }
}

/** Normalises a name: `releaseId`, `release_id` and `Release-Id` are the same. */
export function squeeze(name: string): string {
  return splitWords(name).join('')
}

function globalPattern(pattern: RegExp): RegExp {
  // The sticky flag is dropped: such a pattern would only match at the start.
  return new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, '')}g`)
}
