/**
 * True when a sentence of a validator begins here, which names its field itself: `pin: Path `pin` (`…`) is shorter`.
 */
export function isSentence(text: string, from: number): boolean {
  return text.charCodeAt(from) === 80 && text.startsWith('Path `', from)
}
