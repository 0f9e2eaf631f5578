import { type Redactor, isRecord } from '@msc/core'
import { plainJson } from '@msc/core/delivery'
import { badCall, readId, readName } from './bad-call.ts'
import type { AiMessage, Envelope, Evaluation, JsonObject, Message, PageContext } from '../messages.ts'
import { withoutQuery } from './without-query.ts'

/** Properties as a caller passes them: any object, including instances of a class. */
export type Properties = object

/** A message before it is redacted: the values of its properties are not JSON yet. */
export type MessageInput = { [Kind in Message['kind']]: InputOf<Extract<Message, { kind: Kind }>> }[Message['kind']]

type InputOf<M> = {
  readonly [Name in keyof M]: JsonObject extends M[Name] ? Properties | Exclude<M[Name], JsonObject> : M[Name]
}

/** The fields of an envelope besides its message. */
export type EnvelopeBase = Omit<Envelope, 'message' | 'page'> & { readonly page?: PageContext | undefined }

/**
 * Redacts a message, once and within one budget, and makes it plain JSON. Ids, and the names of flags and groups, stay
 * unchanged: {@link readId} has validated them, and they tell one person from another.
 *
 * @throws ValidationError for an invalid name.
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
      // One call of the redactor, so that one budget holds for both.
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
      throw badCall('The kind of the message is unknown.', 'ANALYTICS_KIND_UNKNOWN')
  }
}

function cleanEvaluation(evaluation: Evaluation, clean: Redactor): Evaluation {
  const { value, variant, payload, reason, version, evaluationId, errorCode } = evaluation
  // One call of the redactor, so that one budget holds for both.
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

/** Drops the members that are undefined or invalid. */
function defined<T extends object>(values: T, isGood: (value: unknown) => boolean = () => true): Defined<T> {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined && isGood(value))
  return Object.fromEntries(kept) as Defined<T>
}

/** Turns dates into text and drops what JSON can't represent. Never throws for redacted values. */
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

/** Redacted first and then cut: a secret that the cut divides would not be recognised by its first half. */
function cleanAddress(address: string, clean: Redactor): string {
  return clean.text(withoutQuery(address)).slice(0, MAX_ADDRESS)
}
