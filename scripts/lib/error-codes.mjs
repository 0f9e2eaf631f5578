// Reads from the syntax of sources the codes of the errors that they throw: what each means, whether a retry can help,
// and what to do.
import { parseSync } from 'oxc-parser'
import { findAll, visit } from './ast.mjs'

/** Matches a code, also one that begins with an expression: `<CONCERN>_NO_DRIVER`. */
const CODE = /^(?:<[A-Z]+>_)?[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$/

/** Classes whose errors are retryable unless the call says otherwise. */
const RETRYABLE = new Set(['UnavailableError', 'DeadlineError'])
const BASES = new Set([
  'MscError',
  'ConfigError',
  'ValidationError',
  'DriverError',
  'UnavailableError',
  'DeadlineError',
])

/**
 * @typedef {object} Made
 * @property {string} code
 * @property {string[]} meanings its possible messages, or a comment beside the code or above its statement, with
 *   `{name}` for a value that is only known at run time
 * @property {boolean | undefined} retryable `undefined` when that depends on the call
 * @property {string | undefined} hint
 */

/**
 * Returns every error that the sources make, once for each code that it may have.
 * @param {readonly { file: string, text: string }[]} sources of one package
 * @returns {Made[]} in the order of the sources
 */
export function errorsMadeIn(sources) {
  const modules = sources.map((source) => ({ ...source, ...parse(source) }))
  const calls = modules.flatMap((module) => findAll(module.program, 'CallExpression').map((node) => ({ module, node })))
  const own = modules.flatMap(({ program }) => findAll(program, 'ClassDeclaration')).filter(isErrorClass)
  const names = new Set([...BASES, ...own.map(({ id }) => id.name)])
  return modules.flatMap((module) => {
    const made = []
    const constants = new Map(constantsOf(module.program))
    visit(module.program, (node, parents) => {
      const found = readMade(node, parents, { module, calls, names, constants })
      made.push(...found)
    })
    return made
  })
}

function parse({ file, text }) {
  const { program, comments, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`)
  return { program, comments }
}

/** Returns the constants of a module that are text or a number. */
function constantsOf(program) {
  return findAll(program, 'VariableDeclarator')
    .filter(({ id, init }) => /^[A-Z_]+$/.test(id.name ?? '') && init)
    .map(({ id, init }) => [id.name, init])
}

/**
 * Returns the variables that a function has declared before a given position. A later declaration replaces an earlier
 * one.
 */
function localsOf(outer, { start }) {
  return findAll(outer, 'VariableDeclarator')
    .filter(({ id, init, end }) => id.name && init && end <= start)
    .map(({ id, init }) => [id.name, init])
}

function isErrorClass({ superClass }) {
  return superClass?.type === 'Identifier' && (BASES.has(superClass.name) || superClass.name.endsWith('Error'))
}

function readMade(node, parents, world) {
  if (node.type === 'NewExpression' && node.callee.type === 'Identifier' && world.names.has(node.callee.name)) {
    return readConstruction(node.callee.name, node, parents, world)
  }
  if (node.type === 'CallExpression' && node.callee.type === 'Super') {
    const owner = parents.findLast(({ type }) => type === 'ClassDeclaration')
    return owner && isErrorClass(owner) ? readConstruction(owner.superClass.name, node, parents, world, owner) : []
  }
  // Objects that another function turns into an error or a response.
  if (node.type === 'ObjectExpression' && !isArgumentOfError(parents, world)) {
    const fields = fieldsOf(node)
    const isKind = fields.code && (fields.retryable || fields.message || (fields.title && fields.status))
    return isKind ? describe(node, fields, fields.message ?? fields.title, false, parents, world) : []
  }
  return []
}

function isArgumentOfError(parents, { names }) {
  const parent = parents.at(-1)
  if (parent?.type === 'CallExpression') return parent.callee.type === 'Super'
  return parent?.type === 'NewExpression' && names.has(parent.callee.name)
}

function readConstruction(name, node, parents, world, owner) {
  const options = node.arguments
    .map((each) => (each.type === 'Identifier' ? (world.constants.get(each.name) ?? each) : each))
    .findLast(({ type }) => type === 'ObjectExpression')
  const fields = options ? fieldsOf(options) : {}
  // The first argument of a driver's error is the driver's name.
  const message = node.arguments[name === 'DriverError' ? 1 : 0]
  const retryable = RETRYABLE.has(name)
  if (fields.code) return describe(node, fields, message, retryable, parents, world, owner)
  const fallback = DEFAULT_CODES[name]
  const given = node.arguments[name === 'ConfigError' || name === 'UnavailableError' ? 1 : 2]
  // Options that are passed on already have their own code, if any.
  const isPassedOn =
    (given && given !== options && given.type !== 'ConditionalExpression') || options?.properties.some(isSpread)
  if (owner || !fallback || isPassedOn) return []
  return describe(node, { ...fields, code: { type: 'Literal', value: fallback } }, message, retryable, parents, world)
}

const DEFAULT_CODES = {
  ConfigError: 'CONFIG_INVALID',
  ValidationError: 'VALIDATION_FAILED',
  UnavailableError: 'UNAVAILABLE',
  DriverError: 'DRIVER_FAILED',
}

const isSpread = ({ type }) => type === 'SpreadElement'

function fieldsOf({ properties }) {
  const own = properties.filter(({ type }) => type === 'Property')
  const spread = properties.filter(isSpread).map(({ argument }) => argument.name)
  return {
    ...Object.fromEntries(own.map((each) => [each.key.name ?? each.key.value, each.value])),
    ...(spread.length > 0 && { spread }),
  }
}

function describe(node, fields, message, isRetryable, parents, { module, calls, constants }, owner) {
  const meaningsOf = (texts) => {
    const written = beside(fields.code, module) ?? (owner && docOf(owner, module))
    const found = written ? [written] : texts.length > 0 ? texts : [above(parents, module)]
    return found.filter((each) => each !== undefined)
  }
  const outer = parents.findLast(({ type }) => /Function/.test(type))
  const locals = outer ? localsOf(outer, node) : []
  const read = (given) => {
    const known = new Map([...constants, ...locals, ...given])
    const texts = textsOf(message, known)
    // A function that makes the error may be given more of its fields by its caller.
    const adding = (fields.spread ?? [])
      .map((each) => known.get(each))
      .find((each) => each?.type === 'ObjectExpression')
    const added = adding ? fieldsOf(adding) : {}
    return textsOf(fields.code, known)
      .filter((code) => CODE.test(code))
      .map((code, index, { length }) => ({
        code,
        meanings: meaningsOf(length === texts.length ? [texts[index]] : texts),
        retryable: isAnswer(fields)
          ? RETRYABLE_STATUS.has(fields.status.value)
          : booleanOf(fields.retryable, isRetryable),
        hint: textsOf(fields.hint ?? added.hint, known)[0],
      }))
  }
  const parameters = outer?.params.map((each) => (each.type === 'AssignmentPattern' ? each.left : each).name) ?? []
  // The callers matter when they choose the code or the whole message, but not when they only pass a name that is part
  // of it.
  const chosen = [fields.code, isWhole(message) ? message : undefined].filter(Boolean)
  const isGiven = chosen.some((each) => findAll(each, 'Identifier').some(({ name }) => parameters.includes(name)))
  const name = isGiven ? nameOf(outer, parents) : undefined
  const through = name
    ? calls.filter(
        (call) => namesOf(call.module, name).has(calledName(call.node)) && canMean(call.module, name, module),
      )
    : []
  if (through.length === 0) return read(new Map())
  return through.flatMap(({ node: call }) =>
    read(new Map(parameters.map((each, index) => [each, call.arguments[index]]))),
  )
}

/** True when the message is an expression, except for the package and the driver at its beginning. */
function isWhole(message) {
  if (message?.type !== 'TemplateLiteral') return message?.type === 'Identifier'
  const text = message.quasis.map(({ value }) => value.cooked).join('')
  return !/[a-z]/i.test(text.replaceAll(/\[[^\]]*\]/g, ''))
}

/** HTTP statuses that mean that a retry can help. */
const RETRYABLE_STATUS = new Set([429, 503])

/** True for a problem document, which is not an error. */
function isAnswer({ title, status }) {
  return title && status?.type === 'Literal'
}

/** The name by which a call calls: of a function, or of a property that has it. */
const calledName = ({ callee }) => (callee.type === 'MemberExpression' ? callee.property.name : callee.name)

/** A function's name, and others that a module gives it: `{ refusal: refuse }`, `refuse: typeof refusal`. */
function namesOf({ text }, name) {
  const others = [...text.matchAll(new RegExp(`\\b(?:${name}: (\\w+)\\b|(\\w+): typeof ${name}\\b)`, 'g'))]
  return new Set([name, ...others.map(([, one, other]) => one ?? other)])
}

/** True when code in `module` can mean that function of `owner`: it is in the same module, or imports the name. */
function canMean(module, name, owner) {
  return module === owner || new RegExp(`import[^;]*?\\b${name}\\b`).test(module.text)
}

/** Returns the comment right above the code, which says what its message does not. */
function beside(code, { text, comments }) {
  const start = text.lastIndexOf('code', code.start ?? 0)
  return commentBefore(start, text, comments)
}

/** Returns the comment right above the statement, or above the `if` around it, when there is no message. */
function above(parents, { text, comments }) {
  const around = parents.filter(({ type }) => type.endsWith('Statement') && type !== 'BlockStatement')
  const [outer, statement] = around.length > 1 ? around.slice(-2) : [undefined, around.at(-1)]
  const places = [statement, outer?.type === 'IfStatement' ? outer : undefined]
  return places.map((each) => each && commentBefore(each.start, text, comments)).find((each) => each !== undefined)
}

function commentBefore(start, text, comments) {
  const comment = comments.find(
    ({ end, type }) => type === 'Line' && end < start && text.slice(end, start).trim() === '',
  )
  return comment?.value.trim()
}

/** Returns the first sentence of a class's documentation. */
function docOf(owner, { text, comments }) {
  const comment = comments?.findLast(({ end, type }) => {
    return type === 'Block' && end <= owner.start && /^\s*(?:export\s*)?$/.test(text.slice(end, owner.start))
  })
  const prose = comment?.value
    .replaceAll(/^\s*\*+ ?/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return prose?.split(/(?<=\.) (?=[A-Z])/)[0]
}

function nameOf(node, parents) {
  if (node.id) return node.id.name
  const parent = parents[parents.indexOf(node) - 1]
  return parent?.type === 'VariableDeclarator' ? parent.id.name : undefined
}

/**
 * Returns the texts that an expression may have: several for a condition, none when it is only known at run time.
 * @param {any} node
 * @param {Map<string, any>} known expressions by name: parameters of the function, constants
 */
function textsOf(node, known) {
  if (!node) return []
  switch (node.type) {
    case 'Literal':
      return typeof node.value === 'string' ? [node.value] : []
    case 'TemplateLiteral':
      return joined(node, known)
    case 'ConditionalExpression':
      return [...textsOf(node.consequent, known), ...textsOf(node.alternate, known)]
    case 'LogicalExpression':
      return [...textsOf(node.left, known), ...textsOf(node.right, known)]
    case 'BinaryExpression':
      return textsOf(node.left, known).flatMap((left) => textsOf(node.right, known).map((right) => left + right))
    case 'Identifier': {
      // Once only: a parameter may be passed on under its own name.
      const rest = new Map([...known].filter(([name]) => name !== node.name))
      return textsOf(known.get(node.name), rest)
    }
    case 'TSAsExpression':
      return textsOf(node.expression, known)
    default:
      return []
  }
}

function joined({ quasis, expressions }, known) {
  let texts = [quasis[0].value.cooked]
  for (const [index, expression] of expressions.entries()) {
    // `names || 'none'` has a fixed text only as its fallback, so the placeholder says more.
    const found = expression.type === 'LogicalExpression' ? [] : textsOf(expression, known)
    const middles = found.length > 0 ? found : [named(expression, known)]
    const after = quasis[index + 1].value.cooked
    texts = texts.flatMap((text) => middles.map((middle) => text + middle + after))
  }
  return texts
}

/** Returns the placeholder of an expression in a text: its last name. */
function named(node, known) {
  if (node.type === 'CallExpression') {
    const { callee } = node
    if (callee.property?.name === 'toUpperCase') return `<${(callee.object.name ?? 'name').toUpperCase()}>`
    const [inner] = node.arguments
    return named(inner && inner.type !== 'Literal' ? inner : (callee.object ?? callee), known)
  }
  if (node.type === 'LogicalExpression') return named(node.left, known)
  const value = node.type === 'Identifier' ? known.get(node.name) : undefined
  if (value?.type === 'Literal') return String(value.value)
  const name = node.type === 'MemberExpression' ? (node.property.name ?? named(node.object, known)) : node.name
  return name?.startsWith('{') ? name : `{${name ?? '…'}}`
}

function booleanOf(node, otherwise) {
  if (!node) return otherwise
  return node.type === 'Literal' ? node.value : undefined
}
