import type { Admission } from '../admission/admission.ts'
import type { Client } from '../entrance/clients.ts'
import { fail, tooMany } from './answers.ts'
import { fromText } from './bytes.ts'
import { countedText, type OpenCall } from './handle-http.ts'

export interface FramesUpContext {
  readonly maxBytes: number
  readonly admission: Admission
}

/**
 * Takes the frames of a request, one a line, for the client whose stream or poll it belongs to.
 *
 * @param skip Lines that were taken before, from an earlier request whose answer was lost.
 */
export async function receiveFrames(
  client: Client | undefined,
  call: OpenCall,
  { admission, maxBytes }: FramesUpContext,
  skip: (lines: number) => number = () => 0,
): Promise<Response> {
  if (!client) return fail(410, 'The session has ended')
  const who = client.connection.place.account
  const over = admission.take({ account: who }, { requestsPerMinute: 1 })
  if (over) return tooMany(over)
  const { text, refusal } = await countedText(
    { request: call.request, who: { ...call.who, account: who } },
    admission,
    maxBytes,
  )
  if (refusal) return refusal
  const lines = text.split('\n').filter((line) => line !== '')
  for (const line of lines.slice(skip(lines.length))) client.receive(fromText(line))
  return new Response(null, { status: 202 })
}
