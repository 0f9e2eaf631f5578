import { createNameBook, type NameBook } from './names/name-book.ts'
import { judgeName, judgePhrase, ownNames, type Verdict } from './names/names.ts'
import { limitsOf, type Limits, type RedactOptions } from './options.ts'
import type { Role } from './roles.ts'
import { splitWords } from './names/words.ts'

/** Options made ready: what every call of one redactor shares. */
export interface Rules {
  readonly limits: Limits
  readonly patterns: readonly RegExp[]
  /** Names kept in allow mode, squeezed; `undefined` in deny mode. */
  readonly allow: ReadonlySet<string> | undefined
  /** For names inside text. */
  readonly names: NameBook
  readonly phrases: NameBook
  /** For property names. */
  readonly judge: (name: string) => Verdict
  readonly known: Map<string, KnownName>
}

/** A property name that was judged and cleaned before. */
export interface KnownName {
  readonly verdict: Verdict
  readonly role: Role
  readonly clean: string
  readonly allowed: boolean
}

/** No built-in rule hides by a name of two letters. */
const SHORTEST_NAME = 3

/** Joins the process's options and a redactor's own, in this order. */
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

/** `releaseId`, `release_id` and `Release-Id` are one name. */
export function squeeze(name: string): string {
  return splitWords(name).join('')
}

function globalPattern(pattern: RegExp): RegExp {
  // A sticky pattern would only match at the start.
  return new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, '')}g`)
}
