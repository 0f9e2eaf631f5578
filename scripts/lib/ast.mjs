import { parseSync } from 'oxc-parser'

/**
 * @typedef {object} Import
 * @property {string} name what is imported, as written
 * @property {boolean} lazy by `import()`
 * @property {boolean} typeOnly of types alone
 * @property {boolean} tried in the block of a `try` of the same function, and awaited there
 * @property {number} line
 */

/**
 * Every import, export from and `import()` with a literal specifier of a module.
 * @param {string} text
 * @param {string} file its name, for the language
 * @returns {Import[]}
 */
export function importsOf(text, file) {
  const { program, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`)
  const found = []
  const add = (node, more) => {
    if (node.source?.type !== 'Literal') return
    found.push({ name: node.source.value, line: text.slice(0, node.start).split('\n').length, ...more })
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
 * Visits each node with what surrounds it: `tried`, in the block of a `try` of its own function; `awaited`, the operand of an
 * `await`.
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
