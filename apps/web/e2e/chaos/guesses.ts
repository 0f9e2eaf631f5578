// A thread of its own, so that sending does not delay what the other one measures. Plain sockets, because senders are elsewhere
// in truth: hundreds of calls of `fetch` would take the processor from the server for as long as its own work takes.
import { once } from 'node:events'
import { connect } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

const { url, guesses } = workerData as { readonly url: string; readonly guesses: number }
const { hostname, port } = new URL(url)

/** Returns the status of the answer. */
function guess(nth: number): Promise<number> {
  const body = JSON.stringify({
    email: nth % 2 ? 'artist@msc.example' : `nobody${nth}@msc.example`,
    password: `guess ${nth}`,
  })
  const request = [
    'POST /api/auth/sign-in HTTP/1.1',
    `host: ${hostname}:${port}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-forwarded-for: 198.51.${Math.floor(nth / 250)}.${(nth % 250) + 1}`,
    'connection: close',
    '',
    body,
  ].join('\r\n')
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(Number(port), hostname, () => socket.write(request))
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => (answer += chunk))
    socket.once('error', reject)
    socket.once('end', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])))
  })
}

// Loading this file takes the processor too, and is no part of the flood.
const begin = parentPort && once(parentPort, 'message')
parentPort?.postMessage('ready', [])
await begin
const statuses = await Promise.all(Array.from({ length: guesses }, (_, nth) => guess(nth)))
parentPort?.postMessage(statuses, [])
