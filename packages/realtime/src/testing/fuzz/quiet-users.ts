import { openRaw, type RawSocket } from '../raw-socket.ts'

/** Two users who say something to each other all the time, and hear all of it. */
export interface QuietUsers {
  readonly exchanged: number
  /** Stops, and resolves with what they had to complain of. */
  stop(): Promise<readonly string[]>
}

const TOPICS = [
  ['realtime:quiet', true],
  ['realtime:lobby', false],
] as const

/** @param patienceMs For one message to arrive. */
export async function startQuietUsers(
  origin: string,
  tokens: readonly [string, string],
  patienceMs: number,
): Promise<QuietUsers> {
  const violations: string[] = []
  const users = await Promise.all(tokens.map((token) => openRaw(origin, token, { 'x-address': '192.0.2.250' })))
  const [one, two] = users as [RawSocket, RawSocket]
  const stopping = new AbortController()
  let exchanged = 0
  let closed = 0
  for (const user of users) {
    void user.ended.then(
      ([code, reason]) => stopping.signal.aborted || violations.push(`A quiet line was cut: ${code} ${reason}`),
    )
    for (const [topic, isPrivate] of TOPICS) {
      const config = { private: isPrivate, broadcast: { ack: true }, presence: { enabled: true } }
      const { status, response } = await user.ask(topic, 'phx_join', { config })
      if (status !== 'ok') violations.push(`A quiet user could not join: ${response.reason}`)
    }
  }
  /** Resolves when the text has arrived. */
  const arrival = ({ socket }: RawSocket, text: string): Promise<boolean> =>
    new Promise((resolve) => {
      const done = (arrived: boolean): void => {
        clearTimeout(timer)
        socket.off('message', listen)
        resolve(arrived)
      }
      const listen = (data: unknown): void => {
        if (String(data).includes(text)) done(true)
      }
      const timer = setTimeout(() => done(false), patienceMs)
      socket.on('message', listen)
    })
  const exchange = async (): Promise<void> => {
    for (let n = 0; !stopping.signal.aborted; n++) {
      const [from, to] = n % 2 === 0 ? [one, two] : [two, one]
      const [topic] = TOPICS[n % 4 < 2 ? 0 : 1]
      const text = `quiet message ${n}.`
      const arrived = arrival(to, text)
      const { status, response } = await from.ask(topic, 'broadcast', {
        type: 'broadcast',
        event: 'quiet',
        payload: { text },
      })
      if (status !== 'ok') violations.push(`A quiet message was refused: ${response.reason}`)
      if (await arrived) exchanged += 1
      else violations.push(`Message ${n} in ${topic} did not arrive within ${patienceMs} ms`)
      // What strangers said meanwhile is not kept.
      for (const { heard } of users) {
        closed += heard.filter(([, event]) => event === 'phx_close').length
        ;(heard as unknown[]).length = 0
      }
      if (violations.length > 10) return
      // At a pace that the default limits allow.
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const going = exchange().catch((error: unknown) => void violations.push(String(error)))
  return {
    get exchanged() {
      return exchanged
    },
    async stop() {
      stopping.abort()
      await going
      if (closed > 0) violations.push(`Quiet users were sent away from ${closed} topics`)
      for (const { socket } of users) socket.terminate()
      return violations
    },
  }
}
