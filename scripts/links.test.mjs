import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { packageFolders } from './lib/entries.mjs'
import { root } from './lib/pnpm.mjs'

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...packageFolders().map((name) => `packages/${name}/README.md`),
  ...readdirSync(join(root, 'docs'), { recursive: true })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]

/** Returns the anchors that GitHub gives to headings. */
function anchorsOf(markdown) {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

it.each(pages)('every link in %s leads to a file, and to a heading in it', (page) => {
  const text = readFileSync(join(root, page), 'utf8')
  const missing = [...text.matchAll(/\]\(((?!https?:|mailto:)[^)\s]*)\)/g)]
    .map(([, link]) => link)
    .filter((link) => {
      const [path, anchor] = link.split('#')
      const target = path === '' ? join(root, page) : join(root, dirname(page), path)
      if (!existsSync(target)) return true
      return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor)
    })
  expect(missing).toEqual([])
})
