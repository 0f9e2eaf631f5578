import type { Frame } from '../../phoenix/frames.ts'
import type { Format } from '../entrance/connection.ts'

/** The answer to a frame whose response is JSON already, as the database wrote it: it may be nested more deeply than can be written here. */
export function replyWith({ joinRef, ref, topic }: Frame, response: string, as: Format): string {
  const payload = `{"status":"ok","response":${response}}`
  const [join, own, name] = [joinRef, ref, topic].map((each) => JSON.stringify(each))
  return as === '2.0.0'
    ? `[${join},${own},${name},"phx_reply",${payload}]`
    : `{"topic":${name},"event":"phx_reply","payload":${payload},"ref":${own},"join_ref":${join}}`
}
