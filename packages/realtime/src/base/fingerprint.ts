/**
 * Tells one text from another in a name that others see, where the text itself must not be read. 64 bits, FNV-1a twice: not
 * for secrets that could be guessed.
 */
export function fingerprint(text: string): string {
  return [0, 0x9e3779b9]
    .map((seed) => {
      let hash = 0x811c9dc5 ^ seed
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
      return (hash >>> 0).toString(36)
    })
    .join('')
}
