import { type Redactor, isRecord } from '@msc/core'
import { plainJson } from '@msc/core/delivery'
import { badCall, readId, readName } from './bad-call.ts'
import type { AiMessage, Envelope, Evaluation, JsonObject, Message, PageContext } from '../messages.ts'
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
        path: cleanAddress(String(input.path), clean),
        ...(input.title !== undefined && { title: clean.text(input.title) }),
        ...(input.properties && { properties: plain(clean(input.properties)) }),
      }
    case 'exposure':
      return {
        kind: 'exposure',
        flag: readName(input.flag, 'a flag'),
        evaluation: cleanEvaluation(input.evaluation, clean),
      }
    case 'ai':
      return cleanGeneration(input, clean)
    default:
      throw badCall('There is no such kind of message.', 'ANALYTICS_KIND_UNKNOWN')
  }
}

function cleanEvaluation(evaluation: Evaluation, clean: Redactor): Evaluation {
  const { value, variant, payload, reason, version, evaluationId, errorCode } = evaluation
  // In one call, so that one budget holds for both.
  const cleaned = clean({ value: value ?? null, payload })
  return defined({ ...cleaned, variant, reason, version, evaluationId, errorCode })
}

function cleanGeneration(input: AiMessage, clean: Redactor): AiMessage {
  const { model, provider, usage, latencyMs, failed, error } = input
  const { input: read, output, total, cacheRead, cacheWrite, reasoning } = usage ?? {}
  const counts = { input: read, output, total, cacheRead, cacheWrite, reasoning }
  return defined({
    kind: 'ai',
    operation: 'generation',
    ...clean({ model, provider, error }),
    ...(usage && { usage: defined(counts, isCount) }),
    latencyMs: isCount(latencyMs) ? latencyMs : undefined,
    failed,
  } as const)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

type Defined<T> = { [Name in keyof T as undefined extends T[Name] ? never : Name]: T[Name] } & {
  [Name in keyof T as undefined extends T[Name] ? Name : never]?: Exclude<T[Name], undefined>
}

/** Without the members that are undefined, or that are not what they should be. */
function defined<T extends object>(values: T, isGood: (value: unknown) => boolean = () => true): Defined<T> {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined && isGood(value))
  return Object.fromEntries(kept) as Defined<T>
}

/** Dates become text, and what JSON has no place for goes. Never fails for what the redaction has cleaned. */
function plain(value: object): JsonObject {
  const parsed: unknown = JSON.parse(plainJson(value))
  return isRecord(parsed) ? (parsed as JsonObject) : { value: parsed as JsonObject }
}

function cleanPage({ url, referrer, title, userAgent }: PageContext, clean: Redactor): PageContext {
  return {
    ...(url !== undefined && { url: cleanAddress(url, clean) }),
    ...(referrer !== undefined && { referrer: cleanAddress(referrer, clean) }),
    ...(title !== undefined && { title: clean.text(title) }),
    ...(userAgent !== undefined && { userAgent: userAgent.slice(0, 500) }),
  }
}

const MAX_ADDRESS = 2000

/** Cut once it is redacted: a secret across the cut would not be recognised by its first half. */
function cleanAddress(address: string, clean: Redactor): string {
  return clean.text(withoutQuery(address)).slice(0, MAX_ADDRESS)
}
