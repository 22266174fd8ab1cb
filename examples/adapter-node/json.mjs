// How is JSON read and written without losing anything?
//
// JSON.parse would make 9007199254740992 of 9007199254740993, and the contract keeps every int64 exactly. So here
//   an integer is a BigInt, any other number a Number: which of the two it is survives reading and writing;
//   an object is a Map: a plain object moves keys such as "1" to the front, and "__proto__" is no key to it.

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;
const [QUOTE, BACKSLASH] = [0x22, 0x5c];

export const isInt64 = (integer) => INT64_MIN <= integer && integer <= INT64_MAX;

// Returns the value of a JSON text. Throws a SyntaxError that holds none of it.
export function parse(text) {
  const reader = new Reader(text);
  const value = reader.value();
  if (reader.peek() !== undefined) reader.fail();
  return value;
}

// Returns a value as JSON text, without spaces.
export function write(value) {
  if (value === null) return "null";
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return writeDouble(value);
  if (typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  const members = Array.from(value, ([key, member]) => `${JSON.stringify(key)}:${write(member)}`);
  return `{${members.join(",")}}`;
}

// A double keeps a point or an exponent, so that it reads back as one.
function writeDouble(value) {
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  fail() {
    throw new SyntaxError(`not JSON at character ${this.at}`);
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found !== null) this.at = pattern.lastIndex;
    return found;
  }

  // The next character that is no space; undefined at the end.
  peek() {
    this.match(SPACE);
    return this.text[this.at];
  }

  take(token) {
    if (!this.text.startsWith(token, this.at)) this.fail();
    this.at += token.length;
  }

  value() {
    switch (this.peek()) {
      case "{":
        return new Map(this.members("{", "}", () => this.member()));
      case "[":
        return this.members("[", "]", () => this.value());
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  members(open, close, read) {
    const found = [];
    this.take(open);
    while (this.peek() !== close) {
      if (found.length > 0) this.take(",");
      found.push(read());
    }
    this.take(close);
    return found;
  }

  member() {
    this.peek();
    const key = this.string();
    this.peek();
    this.take(":");
    return [key, this.value()];
  }

  word(token, value) {
    this.take(token);
    return value;
  }

  // JSON.parse knows escapes; only the end of the string is looked for here.
  string() {
    const start = this.at;
    this.take('"');
    for (let code; (code = this.text.charCodeAt(this.at)) !== QUOTE; this.at += code === BACKSLASH ? 2 : 1) {
      if (Number.isNaN(code)) this.fail();
    }
    this.at += 1;
    try {
      return JSON.parse(this.text.slice(start, this.at));
    } catch {
      return this.fail();
    }
  }

  // An integer beyond int64 is a double: the broker lets it through only where a double equals it.
  number() {
    const [text, fraction, exponent] = this.match(NUMBER) ?? this.fail();
    if (fraction === undefined && exponent === undefined && isInt64(BigInt(text))) return BigInt(text);
    return Number(text);
  }
}
