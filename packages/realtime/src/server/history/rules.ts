import { ConfigError, assertChoice, assertNumbers, assertOptions, durationOption, type Duration } from '@msc/core'
import { isReserved } from '../session/context.ts'
import { assertKnown, type Names } from '../assert-known.ts'
import type { ActionsRule } from './actions.ts'
import type { Keeping } from './store.ts'

/** Whose messages are kept, and for how long. The first rule that fits a topic is its own. */
export interface HistoryRule {
  /** A topic, or what topics begin with before a `*` at the end; or a function that says so. Feeds have a history anyway. */
  readonly topics: string | ((topic: string) => boolean)
  /** How many of a topic at most. Default 100. */
  readonly messages?: number
  /** How long. Default 2 hours. In the database at most as long as the feeds' `keep`. */
  readonly keep?: Duration
  /** Only of private topics, or only of public ones. Default both. */
  readonly private?: boolean
  /**
   * Who may edit and delete messages, and react to them. Whoever does needs an account (a token with a `sub`), and may write to the
   * topic. Default `none`: nobody.
   */
  readonly actions?: ActionsRule
}

/** What a topic is kept for; `undefined` for one that is not. */
export type KeepingOf = (topic: string, isPrivate: boolean) => Keeping | undefined

const RULE_NAMES: Names<HistoryRule> = { topics: true, messages: true, keep: true, private: true, actions: true }

type Report = (error: unknown, operation: string) => void

/**
 * @param report Told of a rule's function that throws, which is a no.
 * @throws ConfigError `OPTION_INVALID` for a rule that is none.
 */
export function keepingBy(rules: readonly HistoryRule[], report: Report = () => undefined): KeepingOf {
  if (!Array.isArray(rules)) {
    throw new ConfigError('[msc/realtime] `history` is no list of rules.', {
      code: 'OPTION_INVALID',
      hint: "Pass rules such as `{ topics: 'room:*' }` in a list.",
    })
  }
  const all = rules.map((rule: HistoryRule) => {
    assertOptions('realtime', rule, 'history')
    assertKnown(rule, RULE_NAMES, 'history')
    const { topics, messages = 100, keep = '2h', private: only, actions = 'none' } = rule
    if (typeof topics !== 'function' && (typeof topics !== 'string' || topics === '')) {
      throw new ConfigError('[msc/realtime] A rule of `history` has no `topics`.', {
        code: 'OPTION_INVALID',
        hint: "Pass a topic, a prefix such as 'room:*', or a function.",
      })
    }
    if (typeof topics === 'string' && topics.slice(0, -1).includes('*')) {
      throw new ConfigError(
        `[msc/realtime] \`history\` names topics by ${JSON.stringify(topics)}, whose * is not at the end.`,
        {
          code: 'OPTION_INVALID',
          hint: "Put the * at the end, as in 'room:*', or pass a function: `(topic) => /^room:.*:chat$/.test(topic)`.",
        },
      )
    }
    assertNumbers('realtime', { messages }, { messages: 1 })
    if (typeof actions !== 'function') assertChoice('realtime', 'actions', actions, ['none', 'author'])
    const keeping = { actions, messages, keepMs: durationOption('realtime', 'keep', keep, { mostMs: 1e13 }) }
    return { fits: typeof topics === 'function' ? guarded(topics, report) : matcherOf(topics), only, keeping }
  })
  return (topic, isPrivate) =>
    isReserved(topic)
      ? undefined
      : all.find(({ fits, only }) => (only === undefined || only === isPrivate) && fits(topic))?.keeping
}

/** It is asked with every message, so that it is reported once. */
function guarded(fits: (topic: string) => boolean, report: Report): (topic: string) => boolean {
  let isReported = false
  return (topic) => {
    try {
      return fits(topic)
    } catch (error) {
      if (!isReported) report(error, 'ask a rule whether a topic is kept')
      isReported = true
      return false
    }
  }
}

function matcherOf(pattern: string): (topic: string) => boolean {
  if (!pattern.endsWith('*')) return (topic) => topic === pattern
  const prefix = pattern.slice(0, -1)
  return (topic) => topic.startsWith(prefix)
}
