import { parseSync } from 'oxc-parser'

/**
 * @typedef {object} Import
 * @property {string} name the specifier, as written
 * @property {boolean} lazy imported with `import()`
 * @property {boolean} typeOnly imports only types
 * @property {boolean} tried is in the block of a `try` of the same function, and awaited there
 * @property {number} line
 */

/**
 * Returns every import, export from and `import()` with a literal specifier of a module.
 * @param {string} text
 * @param {string} file its name, which tells the language
 * @returns {Import[]}
 */
export function importsOf(text, file) {
  const { program, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`)
  const found = []
  const add = (node, more) => {
    if (node.source?.type !== 'Literal') return
    found.push({ name: node.source.value, line: lineOf(text, node), ...more })
  }
  walk(program, { tried: false, awaited: false }, (node, { tried, awaited }) => {
    if (node.type === 'ImportExpression') add(node, { lazy: true, typeOnly: false, tried: tried && awaited })
    else if (/^(Import|ExportNamed|ExportAll)Declaration$/.test(node.type)) {
      const typeOnly = node.importKind === 'type' || node.exportKind === 'type'
      add(node, { lazy: false, typeOnly, tried: false })
    }
  })
  return found
}

/**
 * Visits each node with its surroundings: `tried` inside the block of a `try` of the same function, `awaited` as the
 * operand of an `await`.
 */
function walk(node, around, visit) {
  visit(node, around)
  const isFunction = /Function/.test(node.type)
  for (const [key, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type !== 'string') continue
      walk(
        child,
        {
          tried: isFunction ? false : around.tried || (node.type === 'TryStatement' && key === 'block'),
          awaited: node.type === 'AwaitExpression',
        },
        visit,
      )
    }
  }
}

/** Visits each node with its ancestors, the outermost first. */
export function visit(node, see, parents = []) {
  see(node, parents)
  const inner = [...parents, node]
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === 'string') visit(child, see, inner)
    }
  }
}

/** Returns every node of a type, in the order of the text. */
export function findAll(node, type) {
  const found = []
  visit(node, (each) => void (each.type === type && found.push(each)))
  return found
}

/** Returns the line of a node, from 1. */
function lineOf(text, { start }) {
  return text.slice(0, start).split('\n').length
}
