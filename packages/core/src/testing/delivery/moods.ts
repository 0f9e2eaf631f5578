/** How a backend behaves for a while. */
export type Mood =
  /** Accepts everything, with a small delay. */
  | 'well'
  /** Never answers; rejects when its signal aborts. */
  | 'silent'
  /** Never answers and ignores its signal. */
  | 'deaf'
  /** Accepts everything, but answers when no caller waits any longer. */
  | 'late'
  | 'reset'
  /** Accepts everything, but the connection fails before the answer. */
  | 'taken, then reset'
  | '503'
  | '503 with Retry-After'
  | '429'
  | 'html'
  /** Throws a value synchronously that is not an error. */
  | 'throws at once'
  /** Accepts one item after the other, slowly. After an abort it returns a receipt of those that were answered. */
  | 'one by one'
  /** Sends all items back. */
  | 'overloaded'
  /** Sends some items back. */
  | 'picky'
  /** Limits one kind for a while. */
  | 'limits a kind'
  /** Accepts everything, but returns a malformed receipt. */
  | 'malformed receipt'
  | '401'

/** The moods in which nothing counts as delivered or is finally refused. */
export const OUTAGES: readonly Mood[] = [
  'silent',
  'deaf',
  'reset',
  'taken, then reset',
  '503',
  '503 with Retry-After',
  '429',
  'html',
  'throws at once',
  'overloaded',
  'late',
]

/** All moods; `well` twice, so that scripts choose it more often. */
export const MOODS: readonly Mood[] = [
  'well',
  'well',
  ...OUTAGES,
  'one by one',
  'picky',
  'limits a kind',
  'malformed receipt',
  '401',
]
