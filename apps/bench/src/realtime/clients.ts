// Ten thousand clients in one process, in the protocol of one contender, doing as little as they can.
import { WebSocket } from 'ws'

const [kind = '', portText = '', countText = '', roomText = '', token = '', firstText = '0'] = process.argv.slice(2)
const [port, count, room, first] = [Number(portText), Number(countText), Number(roomText), Number(firstText)]
const AT_ONCE = 200
let latencies: number[] = []

const url =
  kind === 'msc'
    ? `ws://127.0.0.1:${port}/realtime/v1/websocket?apikey=${token}&vsn=2.0.0`
    : kind === 'socket.io'
      ? `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`
      : `ws://127.0.0.1:${port}`

const MARK = '"t":'

/** Joins its own topic, the one of all, and the first of them a room. */
function open(index: number): Promise<void> {
  const topics = [`user-${first + index}`, 'all', ...(index < room ? ['room'] : [])]
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true })
    let joined = 0
    const join = (): void => {
      for (const [ref, topic] of topics.entries()) {
        if (kind === 'msc') {
          socket.send(JSON.stringify([`${ref}`, `${ref}`, `realtime:${topic}`, 'phx_join', { config: {} }]))
        } else if (kind === 'socket.io') socket.send(`42${ref}["join","${topic}"]`)
        else socket.send(topic)
      }
    }
    const ready = (): void => {
      joined += 1
      if (joined === topics.length) resolve()
    }
    socket.on('open', () => {
      if (kind === 'socket.io') socket.send('40')
      else join()
    })
    socket.on('message', (data: Buffer) => {
      const text = data.toString('latin1')
      const at = text.indexOf(MARK)
      if (at >= 0) {
        latencies.push(performance.timeOrigin + performance.now() - Number.parseFloat(text.slice(at + MARK.length)))
      } else if (kind === 'socket.io') {
        if (text.startsWith('40')) join()
        else if (text.startsWith('43')) ready()
        // A ping of Engine.IO.
        else if (text === '2') socket.send('3')
      } else if (kind === 'ws' || text.includes('phx_reply')) ready()
    })
    socket.on('error', reject)
  })
}

for (let from = 0; from < count; from += AT_ONCE) {
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, index) => open(from + index)))
}
process.on('message', () => {
  process.send?.(latencies)
  latencies = []
})
process.send?.('ready')
