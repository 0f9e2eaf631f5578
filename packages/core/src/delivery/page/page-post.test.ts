import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { createPagePost } from './page-post.ts'

async function answeredBy(listener: RequestListener): Promise<unknown> {
  const server = createServer((request, response) => {
    request.resume().once('end', () => listener(request, response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    const post = createPagePost({ ingestUrl: `http://127.0.0.1:${port}/api/msc/browser` })
    return await post.check(new AbortController().signal).catch((error: unknown) => error)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

it('accepts only the 204 of the ingest as a success', async () => {
  expect(await answeredBy((_, response) => response.writeHead(204).end())).toBeUndefined()
  const isElsewhere = { code: 'DRIVER_NOT_THE_BACKEND', refuses: 'backend' }
  const page = '<!doctype html><p>Sign in'
  expect(await answeredBy((_, response) => response.end(page))).toMatchObject(isElsewhere)
  expect(await answeredBy((_, response) => response.writeHead(200).end('{}'))).toMatchObject(isElsewhere)
})

it('does not follow a redirect, which would turn the POST into a GET', async () => {
  const asked: unknown[] = []
  const failure = await answeredBy(({ url, method }, response) => {
    asked.push(`${method} ${url}`)
    response.writeHead(302, { location: '/login' }).end()
  })
  expect(failure).toMatchObject({ code: 'DRIVER_REDIRECTED' })
  expect(asked).toEqual(['POST /api/msc/browser'])
})
