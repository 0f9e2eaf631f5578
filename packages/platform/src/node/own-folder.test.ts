import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { checkFolders } from '../cli/checks/folders.ts'
import { folderState } from '../cli/facts/folder.ts'
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

it.each(
  Object.entries<(inside: (name: string) => string) => string>({
    'below /proc, where nothing can be made': () => '/proc/msc/data',
    'in /proc': () => '/proc/msc',
    '/proc itself': () => '/proc',
    'a file': (inside) => inside('file'),
    'through a file': (inside) => inside('file/a/b'),
    'a link to nothing': (inside) => inside('nowhere'),
    'through a link to nothing': (inside) => inside('nowhere/a'),
    'a link to itself': (inside) => inside('loop'),
    'a device': () => '/dev/null',
    'with a name that is too long': (inside) => inside('x'.repeat(300)),
  }),
)('is refused at once %s, and the doctor says the same', async (_name, pathOf) => {
  writeFileSync(join(dir, 'file'), '')
  symlinkSync(join(dir, 'missing', 'target'), join(dir, 'nowhere'))
  symlinkSync(join(dir, 'loop'), join(dir, 'loop'))
  const path = pathOf((name) => join(dir, name))
  // In another process, where a call that never returns ends with it.
  expect((await other(path)).said).toMatch(/^FOLDER_UNUSABLE .* can not be written to \(\w+\)\. /)
  const state = await folderState(path)
  expect(checkFolders([{ path, keeps: 'data', variable: 'MSC_DATA_DIR', state }])).toMatchObject([
    { code: 'FOLDER_UNUSABLE', status: 'error' },
  ])
  expect(readdirSync(dir).toSorted()).toEqual(['file', 'loop', 'nowhere'])
})

it('is made with those above it, which the doctor does not do', async () => {
  const path = join(dir, 'a', 'b', 'c')
  expect(await folderState(path)).toBe('missing')
  expect(readdirSync(dir)).toEqual([])
  const mine = ownFolder(path)
  expect(await folderState(path)).toBe('writable')
  expect(readdirSync(path).filter((name) => !name.startsWith('owner.'))).toEqual([])
  mine.release()
  // By a link that leads somewhere, and with a way back in it.
  symlinkSync(path, join(dir, 'link'))
  ownFolder(join(dir, 'link', '..', 'c')).release()
  ownFolder(`${join(dir, 'x')}/../x`).release()
})
