/**
 * Makes a text safe to print that may contain a backend's message: it can neither add a line nor control the terminal.
 */
export function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
}
