// Reads the code blocks of a README, and joins them into programs.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../lib/pnpm.mjs'

/** Languages whose blocks must work; blocks of other languages show output. */
const LANGUAGES = new Set(['ts', 'tsx', 'js', 'sh'])
const DIRECTIVE = /^<!--\s*(continues|file|needs|page|stop)(?::\s*(.+?))?\s*-->$/

/**
 * @typedef {object} Block
 * @property {string} language ts, tsx, js or sh
 * @property {string} section the nearest heading above
 * @property {number} line of the fence, from 1
 * @property {string} text
 * @property {boolean} continues `<!-- continues -->`: belongs to the program of the block before it
 * @property {string | undefined} file `<!-- file: app/page.tsx -->`: a file of a Next.js app
 * @property {string[]} needs `<!-- needs: redis -->`: services that must run
 * @property {boolean} page `<!-- page -->`: can't run but in a browser, so it is bundled for one
 * @property {{ signal: NodeJS.Signals, after: string } | undefined} stop `<!-- stop: SIGTERM after Ready -->`: runs until it
 *   gets this signal, which is sent once it has printed that
 */

/**
 * @typedef {object} Program
 * @property {'ts' | 'tsx' | 'js'} language
 * @property {string} section
 * @property {number} line of its first block
 * @property {string} text
 * @property {string | undefined} file
 * @property {string[]} needs
 * @property {boolean} page
 * @property {{ signal: NodeJS.Signals, after: string } | undefined} stop
 */

/**
 * @param {string} markdown
 * @returns {Block[]} in their order
 * @throws Error for a directive that no block follows, and for a fence that is never closed.
 */
export function blocksOf(markdown) {
  const blocks = []
  let section = ''
  let directives = {}
  let open
  for (const [index, content] of markdown.split('\n').entries()) {
    const line = index + 1
    if (open) {
      if (content.trim() !== '```') open.lines.push(content)
      else {
        const { lines, ...block } = open
        if (LANGUAGES.has(block.language)) blocks.push({ ...block, text: `${lines.join('\n')}\n` })
        open = undefined
      }
      continue
    }
    const directive = DIRECTIVE.exec(content.trim())
    const fence = /^\s*```(\w*)\s*$/.exec(content)
    if (directive) directives[directive[1]] = directive[2] ?? true
    else if (fence) {
      const { continues = false, file, needs, page = false, stop } = directives
      directives = {}
      const about = { language: fence[1], section, line }
      open = { ...about, continues, file, needs: needs?.split(/,\s*/) ?? [], page, stop: stopOf(stop), lines: [] }
    } else {
      if (Object.keys(directives).length > 0) throw new Error(`Line ${line - 1}: no block follows the directive.`)
      section = /^#+ (.+)$/.exec(content)?.[1] ?? section
    }
  }
  if (open) throw new Error(`Line ${open.line}: the block is never closed.`)
  return blocks
}

function stopOf(text) {
  if (!text) return undefined
  const [signal, after] = text.split(' after ')
  if (!after) throw new Error(`Say what it prints when it is ready: stop: ${signal} after Ready.`)
  return { signal, after }
}

/**
 * Joins the blocks that continue one another.
 * @param {Block[]} blocks
 * @returns {Program[]}
 */
export function programsOf(blocks) {
  const programs = []
  for (const { continues, ...block } of blocks) {
    if (block.language === 'sh') continue
    if (!continues) {
      programs.push({ ...block })
      continue
    }
    const before = programs.at(-1)
    if (before?.section !== block.section || before.language !== block.language)
      throw new Error(`Line ${block.line}: there is no block of this language in this section to continue.`)
    before.text += `\n${block.text}`
    before.needs = [...new Set([...before.needs, ...block.needs])]
  }
  return programs
}

/**
 * Returns the packages that the `npm install` lines of a README name: those of the first line, and all of them.
 * @param {Block[]} blocks
 */
export function installsOf(blocks) {
  const lines = blocks
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.split('\n'))
    .map((line) => /^npm install ([^#]+)/.exec(line)?.[1].trim().split(/\s+/))
    .filter((names) => names !== undefined)
  return { first: lines[0] ?? [], all: [...new Set(lines.flat())] }
}

/** @param {string} package_ a folder under `packages/` */
export function readReadme(package_) {
  const path = `packages/${package_}/README.md`
  try {
    const blocks = blocksOf(readFileSync(join(root, path), 'utf8'))
    return { path, blocks, programs: programsOf(blocks), installs: installsOf(blocks) }
  } catch (error) {
    throw new Error(`${path}: ${error.message}`, { cause: error })
  }
}
