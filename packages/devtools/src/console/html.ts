const MARKUP: unique symbol = Symbol('markup')

/**
 * Text that is HTML already. Only {@link html} and {@link trusted} make it, so that nothing unescaped can reach a page.
 */
export interface Markup {
  readonly [MARKUP]: string
}

type Part = string | number | Markup | undefined | false | readonly Part[]

/** A template that escapes its values. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let out = strings[0] as string
  parts.forEach((part, index) => {
    out += render(part) + strings[index + 1]
  })
  return { [MARKUP]: out }
}

/** Marks a constant of this package as HTML. Never pass text from elsewhere. */
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
