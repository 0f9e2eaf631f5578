import { REDACTED } from '../../marks.ts'
import {
  classOf,
  escapedCode,
  escapedLevel,
  escapedWidth,
  isDigit,
  isPlain,
  isQuote,
  isWord,
  readCharacter,
  NEWLINE,
  SPACE,
} from '../chars.ts'
import { oddUserinfoEnd } from './odd-userinfo.ts'
import { endsValue } from '../quotes.ts'
import { hide, type TextScan } from '../state.ts'

/** A port, or anything else after the colon of a host, is shorter than this. */
const LONGEST_PORT = 64
const DEEPEST = 4

/**
 * Reads the slashes after the colon of `scheme://`, however they are written: `:\/\/`, `%3A%2F%2F`.
 *
 * @returns The position of the authority, or -1 when this is not a URL.
 */
export function authorityStart(scan: TextScan, afterColon: number): number {
  const second = afterSlash(scan, afterColon)
  return second < 0 ? -1 : afterSlash(scan, second)
}

function afterSlash({ text, end }: TextScan, at: number): number {
  if (at >= end) return -1
  const code = text.charCodeAt(at)
  if (code === 47) return at + 1
  if (code === 92) return text.charCodeAt(at + 1) === 47 ? at + 2 : -1
  if (code !== 37) return -1
  const read = readCharacter(text, at, DEEPEST)
  return escapedCode(read) === 47 ? at + escapedWidth(read) : -1
}

/**
 * True for a URL of the web. Only these have queries with e-mail addresses; in a connection string, everything before
 * the last `@` is secret.
 */
function isWeb({ text, runFrom, runTo }: TextScan): boolean {
  // The letter of an escaped line break may be glued to the scheme; the `s` of `https` and `wss` is optional.
  const from = Math.max(runFrom, runTo - 5)
  const to = (text.charCodeAt(runTo - 1) | 32) === 115 && runTo - from !== 2 ? runTo - 1 : runTo
  return isWord(text, from, to, 'http') || isWord(text, from, to, 'ws')
}

interface Authority {
  /** The position of the last `@` before the first slash, or -1. */
  readonly at: number
  /** True when something other than a port follows a colon: the slash is then part of a password. */
  readonly odd: boolean
  /** Where the authority ends: at the first `/`, `?` or `#`, or at the end of the URL. */
  readonly to: number
  /** The position of the last colon, or -1. */
  readonly colon: number
}

/**
 * Hides `user:password@` of a URL, even when the password holds an `@`, a `/` or a `#` that should have been encoded.
 *
 * @param level The number of times the URL was percent-encoded.
 * @returns The position to continue at.
 */
export function hideUserinfo(scan: TextScan, from: number, level: number): number {
  // Text is read once for each level, because it may consist of beginnings of URLs only.
  if (from < (scan.noAtUntil[level] as number)) return from
  const authority = readAuthority(scan, from, level)
  scan.noAtUntil[level] = authority.to
  const last = plainUserinfoEnd(scan, authority, level)
  const sign = scan.noAtUntil[level] as number
  // No part of a userinfo can follow a host.
  const hosted = authority.at >= 0 || last >= 0 ? sign > authority.to : false
  const { colon, odd } = authority
  const far = hosted ? -1 : oddUserinfoEnd(scan, { from, sign, level, colon, odd, found: authority.at >= 0 })
  const to = Math.max(last, far)
  return to <= from ? from : hide(scan, from, to, REDACTED)
}

function plainUserinfoEnd(scan: TextScan, authority: Authority, level: number): number {
  if (authority.at < 0 && !authority.odd) return -1
  // The text was cut before the `@`.
  if (authority.at < 0 && authority.to >= scan.end && scan.end - authority.colon > LONGEST_PORT) return scan.end
  return lastAt(scan, authority, level, authority.at >= 0 && isWeb(scan))
}

function readAuthority({ text, end }: TextScan, from: number, level: number): Authority {
  let colon = -1
  let at = -1
  let i = from
  while (i < end) {
    const raw = text.charCodeAt(i)
    if (isPlain(raw)) {
      i++
      continue
    }
    const read = readCharacter(text, i, level)
    const code = escapedCode(read)
    if (code === 47 || code === 63 || code === 35 || endsUrl(text, i, read, level, end)) break
    if (code === 58) colon = i
    if (code === 64) at = i
    i += escapedWidth(read)
  }
  return { at, odd: colon >= 0 && text.charCodeAt(from) !== 91 && !isPort(text, colon + 1, i), to: i, colon }
}

function isPort(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!isDigit(text.charCodeAt(i))) return false
  return true
}

/** Returns the last `@` of the URL, or of the part before its query. Continues where the authority ends. */
function lastAt(scan: TextScan, authority: Authority, level: number, beforeQuery: boolean): number {
  const { text, end } = scan
  let { at, to: i } = authority
  while (i < end) {
    const raw = text.charCodeAt(i)
    if (isPlain(raw)) {
      i++
      continue
    }
    const read = readCharacter(text, i, level)
    const code = escapedCode(read)
    if (endsUrl(text, i, read, level, end)) break
    if (at >= 0 && beforeQuery && (code === 63 || code === 35)) break
    if (code === 64) at = i
    i += escapedWidth(read)
  }
  scan.noAtUntil[level] = i
  return at
}

function endsUrl(text: string, at: number, read: number, wanted: number, end: number): boolean {
  const code = escapedCode(read)
  const level = escapedLevel(read)
  // `encodeURIComponent` leaves an apostrophe as it is.
  if (code === 39 && level === 0) return endsValue(text, at + 1, end)
  return endsPath(code) || (wanted > 0 && level === 0 && code === 38)
}

function endsPath(code: number): boolean {
  const kind = classOf(code)
  return kind === SPACE || kind === NEWLINE || isQuote(code) || code === 60 || code === 62 || code === 92
}

/** Incoming webhooks. Anyone who has the address may post to it, so the path is the secret. */
const WEBHOOKS: readonly { readonly host: string; readonly path: string }[] = [
  { host: 'hooks.slack.com', path: '' },
  { host: 'discord.com', path: 'webhooks' },
  { host: 'discordapp.com', path: 'webhooks' },
  { host: 'api.telegram.org', path: 'bot' },
  { host: 'hooks.zapier.com', path: '' },
  { host: 'webhook.office.com', path: '' },
]
const LONGEST_PATH_START = 40
export const SHORTEST_HOST = 11

/**
 * Hides the path of a webhook's address.
 *
 * @param from The start of the run that may be the host.
 * @returns The position to continue at, or -1 when this is not one.
 */
export function hideWebhook(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  for (const { host, path } of WEBHOOKS) {
    if (!text.endsWith(host, to) || to - from < host.length) continue
    const slash = afterSlash(scan, to)
    if (slash < 0) return -1
    if (path !== '' && !text.slice(slash, slash + LONGEST_PATH_START).includes(path)) return -1
    let end = slash
    while (end < scan.end && !endsWebhook(text.charCodeAt(end))) end++
    // Slashes may be written as `\/`, whose backslash ends other URLs.
    while (text.charCodeAt(end) === 92 && text.charCodeAt(end + 1) === 47) {
      end += 2
      while (end < scan.end && !endsWebhook(text.charCodeAt(end))) end++
    }
    return hide(scan, slash, end, REDACTED)
  }
  return -1
}

function endsWebhook(code: number): boolean {
  return endsPath(code) || code === 38
}

/** True when the run may be the host of a webhook, which ends in `.com` or `.org`. This runs for every long run. */
export function mayBeWebhook(text: string, to: number): boolean {
  const code = text.charCodeAt(to - 1)
  return (code === 109 || code === 103) && text.charCodeAt(to - 4) === 46
}
