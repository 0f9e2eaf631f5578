import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { freePort } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { listenAddress } from './listen-address.ts'

it('takes what one can listen on, and leaves it free', async () => {
  const port = await freePort()
  for (const HOST of [undefined, '', ' 127.0.0.1 ', 'localhost', '0.0.0.0']) {
    const found = await listenAddress({ PORT: ` ${port} `, HOST })
    expect(found).toEqual({ port, host: HOST?.trim() || '127.0.0.1' })
  }
})

it.each([
  'abc',
  '0',
  '00',
  '65536',
  '99999',
  '100000',
  '-1',
  '+1',
  '1.0',
  '1e3',
  '0x10',
  '３０００',
  '3000 3001',
  'NaN',
])('says of the port %j what it may be', async (PORT) => {
  expect(await listenAddress({ PORT })).toEqual({
    problem: `PORT is "${PORT}". Set it to a whole number from 1 to 65535.`,
  })
})

it.each(['256.1.1.1', '203.0.113.9', 'no such host', 'http://localhost', '[::1]', 'x'.repeat(5000), 'a\nb', '\u0000'])(
  'says of the host %j that nobody can listen there, in one line',
  async (HOST) => {
    const { problem } = (await listenAddress({ PORT: String(await freePort()), HOST })) as { problem: string }
    expect(problem).toMatch(/^HOST is ".+", where this machine can not listen \(\w+\)\. Set it to .+\.$/)
    expect(problem.length).toBeLessThan(350)
  },
)

it('says which port is taken, and how to run beside it', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  expect(await listenAddress({ PORT: String(port) })).toEqual({
    problem: expect.stringMatching(/^Port \d+ is in use\. .+PORT=\d+ MSC_DATA_DIR=\.data-\d+ npm start$/),
  })
  taken.close()
})
