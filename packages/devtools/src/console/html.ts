const MARKUP: unique symbol = Symbol('markup')

/** Text that is HTML already. Only {@link html} and {@link trusted} make one, so nothing unescaped can reach a page. */
export interface Markup {
  readonly [MARKUP]: string
}

type Part = string | number | Markup | undefined | false | readonly Part[]

/** A template whose values are escaped. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let out = strings[0] as string
  parts.forEach((part, index) => {
    out += render(part) + strings[index + 1]
  })
  return { [MARKUP]: out }
}

/** For constants of this package alone: nothing that came from elsewhere may be trusted. */
export function trusted(text: string): Markup {
  return { [MARKUP]: text }
}

export function toText(markup: Markup): string {
  return markup[MARKUP]
}

function render(part: Part): string {
  if (part === undefined || part === false) return ''
  if (Array.isArray(part)) return part.map(render).join('')
  if (typeof part === 'object') return (part as Markup)[MARKUP]
  return escape(String(part))
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}
