import { html, type Markup } from '../html.ts'

/** A room as the console's addresses and forms name it. */
export interface RoomName {
  readonly topic: string
  readonly private: boolean
}

/**
 * The parameters of a room's pages. A topic may have anything in it; one that is no text in UTF-8 is written as JSON, in which
 * all of it survives.
 */
export function roomQuery(
  { topic, private: isPrivate }: RoomName,
  more: Readonly<Record<string, string>> = {},
): string {
  const query = new URLSearchParams()
  if (/\p{Surrogate}/u.test(topic)) query.set('json', JSON.stringify(topic))
  else query.set('topic', topic)
  query.set('kind', isPrivate ? 'private' : 'public')
  for (const [name, value] of Object.entries(more)) query.set(name, value)
  return query.toString()
}

/** The room that a page was asked for; `undefined` where none is named. */
export function roomFrom(query: URLSearchParams): RoomName | undefined {
  const json = query.get('json')
  const topic = json === null ? query.get('topic') : textFromJson(json)
  const kind = query.get('kind')
  if (!topic || (kind !== 'private' && kind !== 'public')) return undefined
  return { topic, private: kind === 'private' }
}

/** As forms carry text: they would change its line ends, and lose half a character. */
export function textFromJson(json: string | null): string | undefined {
  try {
    const value: unknown = JSON.parse(json ?? '')
    return typeof value === 'string' ? value : undefined
  } catch {
    return undefined
  }
}

/** Writes out what can't be seen, or turns what follows around: control and format characters, and halves of characters. */
export function visible(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  )
}

/** A text of a user, whose direction is its own. */
export function name(text: string): Markup {
  return text === '' ? html`<span class="quiet">(empty)</span>` : html`<bdi>${visible(text)}</bdi>`
}
