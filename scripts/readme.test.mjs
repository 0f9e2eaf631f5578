import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'
import { afterAll, describe, expect, it } from 'vitest'
import { packageFolders } from './lib/entries.mjs'
import { root } from './lib/pnpm.mjs'
import { blocksOf, installsOf, programsOf, readReadme } from './readme/blocks.mjs'
import { fileOf, typecheckFiles, writeProgram } from './readme/types.mjs'
import { linkWorkspace } from './readme/workspace.mjs'

const fence = '```'

describe('blocks of a README', () => {
  const markdown = [
    '# One',
    `${fence}sh`,
    'npm install @msc/one left   # with left',
    'npm install @msc/one right',
    fence,
    '## Two',
    '<!-- needs: redis -->',
    `${fence}ts`,
    'const a = 1',
    fence,
    'Text.',
    '<!-- continues -->',
    `${fence}ts`,
    'a + 1',
    fence,
    '<!-- file: app/route.ts -->',
    `${fence}ts`,
    'export {}',
    fence,
    fence,
    'output',
    fence,
  ].join('\n')

  it('become programs, where blocks that continue one another are one program', () => {
    const programs = programsOf(blocksOf(markdown))
    expect(programs).toEqual([
      {
        language: 'ts',
        section: 'Two',
        line: 8,
        text: 'const a = 1\n\na + 1\n',
        file: undefined,
        needs: ['redis'],
        page: false,
        stop: undefined,
      },
      {
        language: 'ts',
        section: 'Two',
        line: 17,
        text: 'export {}\n',
        file: 'app/route.ts',
        needs: [],
        page: false,
        stop: undefined,
      },
    ])
  })
  it('name the packages to install', () => {
    expect(installsOf(blocksOf(markdown))).toEqual({
      first: ['@msc/one', 'left'],
      all: ['@msc/one', 'left', 'right'],
    })
  })
  it('are rejected when no block follows a directive, or a block continues nothing', () => {
    expect(() => blocksOf('<!-- continues -->\nText.')).toThrow('Line 1: no block follows')
    expect(() => blocksOf(`${fence}ts\nconst a = 1`)).toThrow('Line 1: the block is never closed')
    const elsewhere = ['# One', `${fence}ts`, fence, '# Two', '<!-- continues -->', `${fence}ts`, fence].join('\n')
    expect(() => programsOf(blocksOf(elsewhere))).toThrow('Line 6: there is no block')
  })
})

/** The other pages, whose blocks may stand in a list. */
function otherPages() {
  const docs = readdirSync(join(root, 'docs'), { recursive: true }).filter((name) => name.endsWith('.md'))
  return ['README.md', 'CONTRIBUTING.md', ...docs.map((name) => join('docs', name))].map((path) => {
    const text = readFileSync(join(root, path), 'utf8').replaceAll(/^( +)```[^]*?^\1```$/gm, (block, indent) =>
      block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    )
    return { package_: path.replace(/\.md$/, ''), programs: programsOf(blocksOf(text)) }
  })
}

describe('blocks of the packages', () => {
  const readmes = packageFolders().map((package_) => ({ package_, ...readReadme(package_) }))
  // In the repository, so that TypeScript finds only the repository's own types.
  mkdirSync(join(root, '.cache'), { recursive: true })
  const folder = mkdtempSync(join(root, '.cache', 'readme-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(readmes)('$path has blocks, and each of them parses', ({ programs }) => {
    expect(programs.length).toBeGreaterThan(0)
    for (const program of programs) {
      const { errors } = parseSync(fileOf(program), program.text)
      expect(errors.map(({ message }) => `line ${program.line}: ${message}`)).toEqual([])
    }
  })
  it('type-check against the sources, with every name imported or declared', { timeout: 240_000 }, async () => {
    linkWorkspace(folder)
    const files = [...readmes, ...otherPages()].flatMap(({ package_, programs }) =>
      programs.map((program) => {
        writeProgram(join(folder, package_), program)
        return join(package_, fileOf(program))
      }),
    )
    expect(files.some((file) => file.startsWith('CONTRIBUTING'))).toBe(true)
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    await typecheckFiles({ folder, files, tsc, conditions: ['@msc/source'] })
  })
})
