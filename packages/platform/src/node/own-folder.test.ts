import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ownFolder } from './own-folder.ts'

let dir: string
const children: ChildProcess[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'msc-owner-'))
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  rmSync(dir, { recursive: true, force: true })
})

const MODULE = fileURLToPath(new URL('../../dist/node/index.js', import.meta.url))

/** Another process that wants the folder: prints `owned`, or the code and the message of its error. */
async function other(folder: string): Promise<{ child: ChildProcess; said: string }> {
  const program = `import { ownFolder } from ${JSON.stringify(MODULE)}
    try {
      ownFolder(${JSON.stringify(folder)}, { command: 'the other server' })
      console.log('owned')
    } catch (error) {
      console.log(error.code + ' ' + error.message + ' ' + error.hint)
    }
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [said] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { child, said }
}

it('lets one process in, and names it to the second', async () => {
  const first = await other(dir)
  expect(first.said).toBe('owned')
  expect(() => ownFolder(dir)).toThrow(expect.objectContaining({ code: 'FOLDER_OWNED' }))
  expect(() => ownFolder(dir)).toThrow(`process ${first.child.pid} (the other server), since 2`)
  // By another path too.
  const link = join(dir, '..', `link-${process.pid}`)
  symlinkSync(dir, link)
  expect(() => ownFolder(link)).toThrow(expect.objectContaining({ code: 'FOLDER_OWNED' }))
  rmSync(link)
})

it('takes over at once what a killed process held', async () => {
  for (let round = 0; round < 5; round++) {
    const { child, said } = await other(dir)
    expect(said).toBe('owned')
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const mine = ownFolder(dir)
  expect((await other(dir)).said).toMatch(
    `FOLDER_OWNED [msc/platform] The data folder ${mine.path} belongs to process ${process.pid} (`,
  )
  mine.release()
})

it('is shared by all calls of one process, until the last release', async () => {
  const first = ownFolder(dir)
  const second = ownFolder(dir)
  first.release()
  first.release()
  expect((await other(dir)).said).toMatch(/^FOLDER_OWNED/)
  second.release()
  expect((await other(dir)).said).toBe('owned')
})

it('is decided by the lock, not by what the name says', async () => {
  writeFileSync(join(dir, 'owner.json'), '{"pid":1,"since":"x","command":"init"}')
  const mine = ownFolder(dir)
  expect(JSON.parse(readFileSync(join(dir, 'owner.json'), 'utf8'))).toMatchObject({ pid: process.pid })
  for (const text of ['', 'null', '{"pid":"no"}', '\u0000']) {
    writeFileSync(join(dir, 'owner.json'), text)
    expect((await other(dir)).said).toMatch('belongs to another process that has not yet written its name')
  }
  mine.release()
  expect(existsSync(join(dir, 'owner.json'))).toBe(false)
})

it('says what is wrong with a folder that can not be used', () => {
  writeFileSync(join(dir, 'file'), '')
  const refused = (code: string): unknown => expect.objectContaining({ code })
  expect(() => ownFolder(join(dir, 'file', 'inner'))).toThrow(refused('FOLDER_UNUSABLE'))
  mkdirSync(join(dir, 'owner.json'))
  for (let i = 0; i < 2; i++) expect(() => ownFolder(dir)).toThrow(refused('FOLDER_UNUSABLE'))
  expect(() => ownFolder('')).toThrow(refused('OPTION_INVALID'))
})
