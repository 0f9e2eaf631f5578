import { parseSync } from 'oxc-parser'
import { findAll } from './ast.mjs'

/**
 * Returns the titles of a module's tests and suites that run, with `{name}` for values that are only known at run time.
 * @param {string} text
 * @param {string} file its name, which tells the language
 */
export function titlesOf(text, file) {
  const { program, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`)
  return findAll(program, 'CallExpression')
    .filter(({ callee }) => isTest(callee))
    .map(({ arguments: [title] }) => textOf(title))
    .filter((title) => title !== undefined)
}

/** True for `it(…)`, `it.each(…)(…)` and `describe.skipIf(…)(…)`, but not for `it.skip(…)` and `it.todo(…)`. */
function isTest(callee) {
  if (callee.type === 'Identifier') return ['it', 'test', 'describe'].includes(callee.name)
  if (callee.type === 'CallExpression') return isTest(callee.callee)
  return callee.type === 'MemberExpression' && !/^(?:skip|todo)$/.test(callee.property.name) && isTest(callee.object)
}

function textOf(node) {
  if (node?.type === 'Literal' && typeof node.value === 'string') return node.value
  if (node?.type !== 'TemplateLiteral') return undefined
  return node.quasis.map(({ value }, index) => value.cooked + (index < node.expressions.length ? '{…}' : '')).join('')
}
