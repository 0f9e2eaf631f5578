/** A message of Postgres's protocol: its letter, its length, what it says. */
export function postgresMessage(letter: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(letter, 0)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/**
 * Cuts what a socket receives into messages. Those of a client begin with some that have no letter, up to and with the one
 * that says who it is; their letter is empty.
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
      // A version of the protocol; requests for encryption have larger numbers.
      if (isStarting && message.readInt32BE(4) >>> 16 === 3) isStarting = false
      onMessage(letter, message)
    }
  }
}
