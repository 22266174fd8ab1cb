// How do two JSON values compare, and what is at a path? The rules of equality, order and presence.
//
// Values are as json.mjs reads them; `undefined` stands for what is missing, which compares like null.

const [NULL, NUMBER, STRING, OBJECT, ARRAY, BOOLEAN] = [0, 1, 2, 3, 4, 5];

// The place of a value's type in the sort order. Values of different ranks are never equal: 1 is not true.
export function rank(value) {
  if (value === null || value === undefined) return NULL;
  if (Array.isArray(value)) return ARRAY;
  return { bigint: NUMBER, number: NUMBER, string: STRING, boolean: BOOLEAN, object: OBJECT }[typeof value];
}

// JSON equality: 1 equals 1.0, the order of keys says nothing, null equals missing.
export function equal(left, right) {
  const kind = rank(left);
  if (kind !== rank(right)) return false;
  switch (kind) {
    case NULL:
      return true;
    case NUMBER:
      // A BigInt and a Number are compared by value, exactly; `===` would tell their types apart.
      return left == right;
    case OBJECT:
      return (
        left.size === right.size && [...left].every(([key, value]) => right.has(key) && equal(value, right.get(key)))
      );
    case ARRAY:
      return left.length === right.length && left.every((value, index) => equal(value, right[index]));
    default:
      return left === right;
  }
}

// The sort order, as a negative number, 0 or a positive one: by rank, then by value; objects and arrays are one class
// each.
export function compare(left, right) {
  const kind = rank(left);
  if (kind !== rank(right)) return kind - rank(right);
  if (kind === STRING) return compareText(left, right);
  return kind === NUMBER || kind === BOOLEAN ? Number(left > right) - Number(left < right) : 0;
}

// Code point order. JavaScript's own `<` orders UTF-16 units, which puts U+1F600 before U+FF5E.
export function compareText(left, right) {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) {
    if (left.charCodeAt(at) !== right.charCodeAt(at)) return left.codePointAt(at) - right.codePointAt(at);
  }
  return left.length - right.length;
}

// The value at a path: a segment is a key of an object, or the index of an array. No fan-out over arrays.
export function get(value, path) {
  for (const segment of path) {
    value = value instanceof Map ? value.get(segment) : Array.isArray(value) ? value[arrayIndex(segment)] : undefined;
    if (value === undefined) return undefined;
  }
  return value;
}

// The index that a segment means on an array; -1, where nothing ever is, for `01`, `-1`, `x`.
export function arrayIndex(segment) {
  return /^(?:0|[1-9][0-9]*)$/.test(segment) ? Number(segment) : -1;
}
