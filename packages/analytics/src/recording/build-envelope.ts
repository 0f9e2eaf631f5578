import type { Redactor } from '@msc/core'
import { badCall, readId, readName } from './bad-call.ts'
import type { Envelope, JsonObject, Message, PageContext } from '../messages.ts'
import { withoutQuery } from './without-query.ts'

/** Values as a caller gives them: any object, of a class or an interface too. */
export type Properties = object

/** A message before it is redacted: the values of people are not JSON yet. */
export type MessageInput = { [Kind in Message['kind']]: InputOf<Extract<Message, { kind: Kind }>> }[Message['kind']]

type InputOf<M> = {
  readonly [Name in keyof M]: JsonObject extends M[Name] ? Properties | Exclude<M[Name], JsonObject> : M[Name]
}

/** What the engine knows of a call besides its message. */
export type EnvelopeBase = Omit<Envelope, 'message' | 'page'> & { readonly page?: PageContext | undefined }

/**
 * Redacts a message, once, within one budget, and makes it plain JSON. Ids and names of flags and groups stay as they
 * are: they were read by {@link readId} and tell one person from another.
 *
 * @throws ValidationError for a name that is none.
 */
export function buildEnvelope(base: EnvelopeBase, input: MessageInput, clean: Redactor): Envelope {
  const { page, ...rest } = base
  return {
    ...rest,
    message: buildMessage(input, clean),
    ...(page && { page: cleanPage(page, clean) }),
  }
}

function buildMessage(input: MessageInput, clean: Redactor): Message {
  switch (input.kind) {
    case 'track':
      return {
        kind: 'track',
        event: clean.text(readName(input.event, 'an event')),
        properties: plain(clean(input.properties)),
      }
    case 'identify': {
      // One call, so that one budget holds for both.
      const { set, setOnce } = clean({ set: input.set, setOnce: input.setOnce })
      return {
        kind: 'identify',
        ...(set && { set: plain(set) }),
        ...(setOnce && { setOnce: plain(setOnce) }),
        ...(input.unset && { unset: input.unset.map(String) }),
      }
    }
    case 'alias':
      return { kind: 'alias', alias: readId(input.alias, 'alias') }
    case 'group':
      return {
        kind: 'group',
        type: readName(input.type, 'a type of groups'),
        groupKey: readId(input.groupKey, 'groupKey'),
        ...(input.set && { set: plain(clean(input.set)) }),
      }
    case 'page':
      return {
        kind: 'page',
        path: clean.text(withoutQuery(String(input.path))),
        ...(input.title !== undefined && { title: clean.text(input.title) }),
        ...(input.properties && { properties: plain(clean(input.properties)) }),
      }
    case 'exposure': {
      const { payload, ...evaluation } = input.evaluation
      return {
        kind: 'exposure',
        flag: readName(input.flag, 'a flag'),
        evaluation: { ...evaluation, ...(payload !== undefined && { payload: clean(payload) }) },
      }
    }
    case 'ai':
      return { ...input, ...(input.error !== undefined && { error: clean.text(input.error) }) }
    default:
      throw badCall('There is no such kind of message.', 'ANALYTICS_KIND_UNKNOWN')
  }
}

/** Dates become text, and what JSON has no place for goes. Never fails for what the redaction has cleaned. */
function plain(value: object): JsonObject {
  const parsed: unknown = JSON.parse(JSON.stringify(value))
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    ? (parsed as JsonObject)
    : { value: parsed as JsonObject }
}

function cleanPage({ url, referrer, title, userAgent }: PageContext, clean: Redactor): PageContext {
  return {
    ...(url !== undefined && { url: clean.text(withoutQuery(url)) }),
    ...(referrer !== undefined && { referrer: clean.text(withoutQuery(referrer)) }),
    ...(title !== undefined && { title: clean.text(title) }),
    ...(userAgent !== undefined && { userAgent: userAgent.slice(0, 500) }),
  }
}
