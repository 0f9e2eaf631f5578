/** What an answer to a frame needs to know of it. */
export interface FrameHead {
  readonly joinRef: string | null
  readonly ref: string | null
  readonly topic: string
  readonly event: string
}

/** Characters that are looked at on either side of a frame. Its names are no longer than 255 bytes. */
const LOOKED_AT = 2048

const TEXT = String.raw`"(?:[^"\\]|\\.)*"`
const VERSION_2 = new RegExp(
  String.raw`^\s*\[\s*(null|${TEXT})\s*,\s*(null|${TEXT})\s*,\s*(${TEXT})\s*,\s*(${TEXT})\s*,`,
)
// As the clients write it: what names the frame is first, and the references are last.
const VERSION_1 = new RegExp(String.raw`^\s*\{\s*"topic"\s*:\s*(${TEXT})\s*,\s*"event"\s*:\s*(${TEXT})\s*,`)
const REF = new RegExp(String.raw`"ref"\s*:\s*(${TEXT})\s*(?:,\s*"join_ref"\s*:\s*(null|${TEXT})\s*)?\}\s*$`)

/**
 * Whose answer a text wants that is not parsed because it is too large or nested too deeply: by its first characters, and in
 * version 1 its last. A client that writes its frames in another order gets no answer. Never throws.
 */
export function headOfText(text: string): FrameHead | undefined {
  const start = text.slice(0, LOOKED_AT)
  const two = VERSION_2.exec(start)
  if (two) return headFrom(two[1], two[2], two[3], two[4])
  const one = VERSION_1.exec(start)
  if (!one) return undefined
  const last = REF.exec(text.slice(-LOOKED_AT))
  return headFrom(last?.[2], last?.[1], one[1], one[2])
}

function headFrom(
  joinRef: string | undefined,
  ref: string | undefined,
  topic: string | undefined,
  event: string | undefined,
): FrameHead | undefined {
  try {
    const [first, second, third, fourth] = [joinRef ?? 'null', ref ?? 'null', topic ?? 'null', event ?? 'null'].map(
      (text) => JSON.parse(text) as string | null,
    )
    if (typeof third !== 'string' || typeof fourth !== 'string') return undefined
    return { joinRef: first ?? null, ref: second ?? null, topic: third, event: fourth }
  } catch {
    // An escape that JSON does not have.
    return undefined
  }
}
