// A thread of its own, so that sending does not delay what the other one measures.
import { parentPort, workerData } from 'node:worker_threads'

const { url, guesses } = workerData as { readonly url: string; readonly guesses: number }

async function guess(nth: number): Promise<number> {
  const response = await fetch(`${url}/api/auth/sign-in`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-forwarded-for': `198.51.${Math.floor(nth / 250)}.${(nth % 250) + 1}`,
    },
    body: JSON.stringify({
      email: nth % 2 ? 'artist@msc.example' : `nobody${nth}@msc.example`,
      password: `guess ${nth}`,
    }),
  })
  await response.arrayBuffer()
  return response.status
}

const statuses = await Promise.all(Array.from({ length: guesses }, (_, nth) => guess(nth)))
parentPort?.postMessage(statuses, [])
