/**
 * SQL92 filters, with the grammar and the semantics of RocketMQ 5.3.3 (module `filter`): AND, OR, NOT, comparisons,
 * BETWEEN, IN, IS NULL, CONTAINS, STARTSWITH, ENDSWITH, over the properties of messages, which are texts.
 */
import type { MessageProperties } from "../../../protocol/message/MessageProperties.ts"

/** A number of one of Java's types: they differ in what texts they can be compared with. */
interface Num {
  readonly type: "Integer" | "Long" | "Double"
  readonly value: bigint | number
}

type Value = null | boolean | string | Num

type Evaluate = (properties: MessageProperties) => Value

/** An expression. Whether it is a constant, a property or of boolean type decides where it may stand. */
interface Expression {
  readonly kind: "constant" | "property" | "boolean" | "other"
  /** Of a constant. */
  readonly value?: Value
  readonly evaluate: Evaluate
}

/** What is no filter, or cannot be evaluated. */
class FilterError extends Error {}

/** A filter: whether it matches properties. One that cannot be evaluated, such as `a > 1` for the text `x`, does not. */
export type Filter = (properties: MessageProperties) => boolean

/** What RocketMQ says of every text that is no filter. */
export const invalidMessage = "Invalid MessageSelector. "

/** The filter of a text; `undefined` when it is none. */
export const compile = (text: string): Filter | undefined => {
  let expression: Expression
  try {
    expression = new Parser(tokens(text)).parse()
  } catch {
    // Too deep for the stack, too: Java's broker says the same.
    return undefined
  }
  return (properties) => {
    try {
      return expression.evaluate(properties) === true
    } catch {
      return false
    }
  }
}

interface Token {
  readonly kind: "word" | "decimal" | "float" | "string" | "symbol" | "end"
  /** Of reserved words in capitals. */
  readonly text: string
}

const reserved: ReadonlySet<string> = new Set([
  "NOT",
  "AND",
  "OR",
  "BETWEEN",
  "IN",
  "TRUE",
  "FALSE",
  "NULL",
  "IS",
  "CONTAINS",
  "STARTSWITH",
  "ENDSWITH"
])

const blanks = /(?:[ \t\n\r\f]|--[^\n\r]*(?:\r\n|\n|\r)|\/\*[^*]*\*(?:\*|[^*/][^*]*\*)*\/)+/y
const float = /(?:\d+\.\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|\d+e[+-]?\d+)/iy
const decimal = /(?:0|[1-9]\d*l?)/iy
const string = /'(?:''|[^'])*'/y
const word = /[a-z_$][a-z0-9_$]*/iy
const symbol = /(?:<>|>=|<=|[=<>(),+-])/y

const matchAt = (pattern: RegExp, text: string, at: number): string | undefined => {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

/** The tokens of a text, one after the other; what is none is found when it is reached. */
function* tokens(text: string): Generator<Token, Token> {
  let at = 0
  for (;;) {
    at += matchAt(blanks, text, at)?.length ?? 0
    if (at >= text.length) break
    const found = (kind: Token["kind"], pattern: RegExp): Token | undefined => {
      const match = matchAt(pattern, text, at)
      return match === undefined ? undefined : { kind, text: match }
    }
    const token = found("float", float) ?? found("decimal", decimal) ?? found("string", string) ??
      found("word", word) ?? found("symbol", symbol)
    if (token === undefined) throw new FilterError(`not a token: ${text.slice(at, at + 10)}`)
    at += token.text.length
    const upper = token.text.toUpperCase()
    yield token.kind === "word" && reserved.has(upper) ? { kind: "symbol", text: upper } : token
  }
  return { kind: "end", text: "" }
}

const constant = (value: Value): Expression => ({ kind: "constant", value, evaluate: () => value })
const boolean = (evaluate: Evaluate): Expression => ({ kind: "boolean", evaluate })

const isNumber = (value: Value | undefined): value is Num => typeof value === "object" && value !== null

/** Recursive descent, with one token looked ahead; two behind IS and NOT. */
class Parser {
  private readonly source: Generator<Token, Token>
  private ahead: Array<Token> = []

  constructor(source: Generator<Token, Token>) {
    this.source = source
  }

  parse(): Expression {
    const expression = asBoolean(this.or())
    // What follows is not looked at, as in RocketMQ, but it has to begin with a token.
    this.peek()
    return expression
  }

  private or(): Expression {
    let left = this.and()
    while (this.take("OR")) {
      const first = asBoolean(left)
      const second = asBoolean(this.and())
      left = boolean((properties) => {
        const one = first.evaluate(properties)
        if (one === true) return true
        const two = second.evaluate(properties)
        if (two === true) return true
        return one === null || two === null ? null : false
      })
    }
    return left
  }

  private and(): Expression {
    let left = this.equality()
    while (this.take("AND")) left = both(asBoolean(left), asBoolean(this.equality()))
    return left
  }

  private equality(): Expression {
    let left = this.comparison()
    for (;;) {
      if (this.take("=")) left = equal(left, this.comparison())
      else if (this.take("<>")) left = not(equal(left, this.comparison()))
      else if (this.take("IS")) {
        const negated = this.take("NOT")
        this.expect("NULL")
        const isNull = same(left, constant(null))
        left = negated ? not(isNull) : isNull
      } else return left
    }
  }

  private comparison(): Expression {
    let left = this.unary()
    for (;;) {
      const { kind, text } = this.peek()
      if (kind !== "symbol") return left
      if (text === ">" || text === ">=" || text === "<" || text === "<=") {
        this.take(text)
        left = order(text, left, this.unary())
        continue
      }
      const negated = text === "NOT" && this.isNegatable()
      if (negated) this.take("NOT")
      const next = this.peek().text
      if (next === "CONTAINS" || next === "STARTSWITH" || next === "ENDSWITH") {
        this.take(next)
        left = search(next, left, this.string(), negated)
      } else if (next === "BETWEEN") {
        this.take("BETWEEN")
        const low = this.unary()
        this.expect("AND")
        left = negated ? outside(left, low, this.unary()) : between(left, low, this.unary())
      } else if (next === "IN") {
        this.take("IN")
        left = inList(left, this.list(), negated)
      } else return left
    }
  }

  /** Whether the NOT that comes next belongs to a comparison. */
  private isNegatable(): boolean {
    const second = this.peek(1)
    return second.kind === "symbol" &&
      ["CONTAINS", "STARTSWITH", "ENDSWITH", "BETWEEN", "IN"].includes(second.text)
  }

  private list(): ReadonlySet<string> {
    this.expect("(")
    const all = new Set([this.string()])
    while (this.take(",")) all.add(this.string())
    this.expect(")")
    return all
  }

  private unary(): Expression {
    if (this.take("+")) return this.unary()
    if (this.take("-")) {
      const operand = this.unary()
      return {
        kind: "other",
        evaluate: (properties) => {
          const value = operand.evaluate(properties)
          return isNumber(value) ? { type: value.type, value: -value.value } : null
        }
      }
    }
    if (this.take("NOT")) return not(asBoolean(this.unary()))
    return this.primary()
  }

  private primary(): Expression {
    const token = this.next()
    switch (token.kind) {
      case "string":
        return constant(unquote(token.text))
      case "decimal":
        return constant(integer(token.text.replace(/l$/i, "")))
      case "float": {
        const value = Number(token.text)
        // RocketMQ takes Double.MIN_VALUE for the least of all, so that 0.0 is refused.
        if (value === Infinity || value < Number.MIN_VALUE) throw new FilterError("out of range")
        return constant({ type: "Double", value })
      }
      case "word": {
        const name = token.text
        return { kind: "property", evaluate: (properties) => properties[name] ?? null }
      }
      default:
        return this.keyword(token)
    }
  }

  private keyword(token: Token): Expression {
    switch (token.text) {
      case "TRUE":
        return { ...constant(true), kind: "constant" }
      case "FALSE":
        return constant(false)
      case "NULL":
        return constant(null)
      case "(": {
        const inner = this.or()
        this.expect(")")
        return inner
      }
      default:
        throw new FilterError(`unexpected ${token.text}`)
    }
  }

  private string(): string {
    const token = this.next()
    if (token.kind !== "string") throw new FilterError("expected a text")
    return unquote(token.text)
  }

  private peek(distance = 0): Token {
    while (this.ahead.length <= distance) this.ahead.push(this.source.next().value ?? { kind: "end", text: "" })
    return this.ahead[distance]!
  }

  private next(): Token {
    const token = this.peek()
    this.ahead = this.ahead.slice(1)
    return token
  }

  private take(text: string): boolean {
    const token = this.peek()
    if (token.kind !== "symbol" || token.text !== text) return false
    this.ahead = this.ahead.slice(1)
    return true
  }

  private expect(text: string): void {
    if (!this.take(text)) throw new FilterError(`expected ${text}`)
  }
}

const unquote = (text: string): string => text.slice(1, -1).replaceAll("''", "'")

const maxLong = 9_223_372_036_854_775_807n

const integer = (text: string): Num => {
  const value = BigInt(text)
  if (value > maxLong) throw new FilterError("out of range")
  return { type: value <= 2_147_483_647n ? "Integer" : "Long", value }
}

/** Only what is boolean may be combined; a property is taken for one, and is none, since properties are texts. */
const asBoolean = (expression: Expression): Expression => {
  if (expression.kind === "boolean") return expression
  if (expression.kind === "constant" && (typeof expression.value === "boolean" || expression.value === null)) {
    return expression
  }
  if (expression.kind !== "property") throw new FilterError("not boolean")
  return boolean((properties) => expression.evaluate(properties) === null ? null : false)
}

const not = (operand: Expression): Expression =>
  boolean((properties) => {
    const value = operand.evaluate(properties)
    return value === null ? null : value !== true
  })

const both = (first: Expression, second: Expression): Expression =>
  boolean((properties) => {
    const one = first.evaluate(properties)
    if (one === false) return false
    const two = second.evaluate(properties)
    if (two === false) return false
    return one === null || two === null ? null : true
  })

const isBooleanConstant = (expression: Expression): boolean =>
  expression.kind === "constant" && (typeof expression.value === "boolean" || expression.value === null)

const equal = (left: Expression, right: Expression): Expression => {
  for (const side of [left, right]) {
    if (side.kind === "constant" && side.value === null) throw new FilterError("NULL cannot be compared")
  }
  if (left.kind === "constant" && right.kind === "constant" && isBooleanConstant(left) && !isBooleanConstant(right)) {
    throw new FilterError("cannot be compared")
  }
  return same(left, right)
}

const same = (left: Expression, right: Expression): Expression =>
  boolean((properties) => {
    const one = left.evaluate(properties)
    const two = right.evaluate(properties)
    if (one === null || two === null) return one === two ? true : one === null ? null : false
    return compare(one, two) === 0
  })

type Order = ">" | ">=" | "<" | "<="

const holds = (operator: Order, result: number): boolean => {
  switch (operator) {
    case ">":
      return result > 0
    case ">=":
      return result >= 0
    case "<":
      return result < 0
    case "<=":
      return result <= 0
  }
}

const order = (operator: Order, left: Expression, right: Expression): Expression => {
  for (const side of [left, right]) {
    if (side.kind === "boolean" || (side.kind === "constant" && !isNumber(side.value))) {
      throw new FilterError("cannot be ordered")
    }
  }
  return boolean((properties) => {
    const one = left.evaluate(properties)
    if (one === null) return null
    const two = right.evaluate(properties)
    if (two === null) return null
    return typeof one === "string" && typeof two === "string"
      ? holds(operator, compareNumbers(parseDouble(one), parseDouble(two)))
      : holds(operator, compare(one, two))
  })
}

const between = (value: Expression, low: Expression, high: Expression): Expression => {
  if (low.kind === "constant" && high.kind === "constant") {
    const { value: one = null } = low
    const { value: two = null } = high
    if (one === null || two === null || compare(two, one) < 0) throw new FilterError("illegal values of between")
  }
  return both(order(">=", value, low), order("<=", value, high))
}

const outside = (value: Expression, low: Expression, high: Expression): Expression => {
  const below = order("<", value, low)
  const above = order(">", value, high)
  return boolean((properties) => {
    const one = below.evaluate(properties)
    if (one === true) return true
    const two = above.evaluate(properties)
    if (two === true) return true
    return one === null || two === null ? null : false
  })
}

const inList = (left: Expression, all: ReadonlySet<string>, negated: boolean): Expression => {
  if (left.kind !== "property") throw new FilterError("expected a property")
  return boolean((properties) => {
    const value = left.evaluate(properties)
    return typeof value === "string" ? all.has(value) !== negated : null
  })
}

const search = (
  operator: "CONTAINS" | "STARTSWITH" | "ENDSWITH",
  left: Expression,
  text: string,
  negated: boolean
): Expression =>
  boolean((properties) => {
    const value = left.evaluate(properties)
    // A property that is missing matches neither the one nor the other.
    if (text === "" || typeof value !== "string") return false
    const found = operator === "CONTAINS"
      ? value.includes(text)
      : operator === "STARTSWITH"
      ? value.startsWith(text)
      : value.endsWith(text)
    return found !== negated
  })

/** As Java compares values of whatever types: a text with a number as what the number is, or it fails. */
const compare = (left: Exclude<Value, null>, right: Exclude<Value, null>): number => {
  if (typeof left === "string") {
    if (typeof right === "string") return left < right ? -1 : left > right ? 1 : 0
    return typeof right === "boolean"
      ? Number(left.toLowerCase() === "true") - Number(right)
      : compareNumbers(parseAs(right.type, left), right)
  }
  if (typeof left === "boolean") {
    if (typeof right === "boolean") return Number(left) - Number(right)
    if (typeof right === "string") throw new FilterError("java.lang.ClassCastException")
    return -1
  }
  if (typeof right === "string") return compareNumbers(left, parseAs(left.type, right))
  return typeof right === "boolean" ? -1 : compareNumbers(left, right)
}

const compareNumbers = (left: Num, right: Num): number => {
  const one = left.type === "Double" || right.type === "Double" ? Number(left.value) : left.value
  const two = left.type === "Double" || right.type === "Double" ? Number(right.value) : right.value
  if (one < two) return -1
  if (one > two) return 1
  // Double.compareTo: NaN is equal to itself and greater than all others.
  const isNaN = (value: bigint | number): boolean => typeof value === "number" && Number.isNaN(value)
  return Number(isNaN(one)) - Number(isNaN(two))
}

const parseAs = (type: Num["type"], text: string): Num => {
  if (type === "Double") return parseDouble(text)
  if (!/^[+-]?\d+$/.test(text)) throw new FilterError("java.lang.NumberFormatException")
  const value = BigInt(text.replace("+", ""))
  const limit = type === "Integer" ? 2_147_483_647n : maxLong
  if (value > limit || value < -limit - 1n) throw new FilterError("java.lang.NumberFormatException")
  return { type, value }
}

/** `Double.valueOf`, but for hexadecimal digits. */
const parseDouble = (text: string): Num => {
  const trimmed = text.trim()
  const special = /^([+-]?)(NaN|Infinity)$/.exec(trimmed)
  if (special !== null) {
    const value = special[2] === "NaN" ? NaN : special[1] === "-" ? -Infinity : Infinity
    return { type: "Double", value }
  }
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fFdD]?$/.test(trimmed)) {
    throw new FilterError("java.lang.NumberFormatException")
  }
  return { type: "Double", value: Number(trimmed.replace(/[fFdD]$/, "")) }
}
