/** Builds a message of the Postgres protocol: its type letter, its length and its body. */
export function postgresMessage(letter: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(letter, 0)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/**
 * Splits the bytes that a socket receives into messages. A client's first messages, up to and including the startup message,
 * have no type letter; `letter` is empty for them.
 *
 * Source: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export function messageReader(
  fromClient: boolean,
  onMessage: (letter: string, bytes: Buffer) => void,
): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let isStarting = fromClient
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const head = isStarting ? 0 : 1
      if (rest.length < head + 4) return
      const length = head + rest.readInt32BE(head)
      if (rest.length < length) return
      const message = rest.subarray(0, length)
      rest = rest.subarray(length)
      const letter = isStarting ? '' : message.toString('latin1', 0, 1)
      // A startup message has the major version 3 here; requests for encryption have larger numbers.
      if (isStarting && message.readInt32BE(4) >>> 16 === 3) isStarting = false
      onMessage(letter, message)
    }
  }
}
