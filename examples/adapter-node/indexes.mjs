// What does a declared index mean here? No speed, but the rule about values at indexed paths, which is core.
import { DataError, malformed, shown, unsupported } from "./errors.mjs";

const STRING_MAX_BYTES = 1024;
const TYPES = {
  INDEX_TYPE_ASCENDING: "ascending",
  INDEX_TYPE_DESCENDING: "descending",
  INDEX_TYPE_COMPOUND: "compound",
};
const BEYOND_CORE = { INDEX_TYPE_UNIQUE: "unique", INDEX_TYPE_TEXT: "text", INDEX_TYPE_TTL: "ttl" };

// Returns { spec, name, key, paths }; equal specs have equal keys.
export function readIndex({ type, fields }) {
  if (type in BEYOND_CORE) throw unsupported(BEYOND_CORE[type]);
  if (!(type in TYPES) || fields.length === 0) throw malformed("indexes", "an index has no fields, or no known type");
  // `descending` says so of its one field, whether or not the field does.
  const directed = fields.map(({ path, descending }) => ({
    path,
    descending: descending || type === "INDEX_TYPE_DESCENDING",
  }));
  const names = directed.map(({ path, descending }) => path + (descending ? " desc" : ""));
  return {
    spec: { type, fields: directed },
    name: `${TYPES[type]}(${names.join(", ")})`,
    key: JSON.stringify([type, directed.map(({ path, descending }) => [path, descending])]),
    paths: fields.map(({ path }) => path.split(".")),
  };
}

// Throws BAD_DOCUMENT, with the index's name, where a document does not fit.
export function checkIndexed(document, index) {
  for (const path of index.paths) {
    const wrong = problem(document, path);
    if (wrong === undefined) continue;
    throw new DataError("BAD_DOCUMENT", `index ${index.name} ${wrong}`, {
      path: shown(path),
      metadata: { index: index.name },
    });
  }
}

export const fits = (document, index) => index.paths.every((path) => problem(document, path) === undefined);

// An indexed path goes through objects only, and ends at nothing, null, a boolean, a number or a short string.
function problem(document, path) {
  let value = document;
  for (const segment of path) {
    if (Array.isArray(value)) return "reaches its values through objects only, and here an array is on the way";
    if (!(value instanceof Map) || !value.has(segment)) return undefined;
    value = value.get(segment);
  }
  if (value instanceof Map || Array.isArray(value)) return "holds null, booleans, numbers and strings";
  if (typeof value === "string" && Buffer.byteLength(value) > STRING_MAX_BYTES) {
    return `takes strings of at most ${STRING_MAX_BYTES} bytes`;
  }
  return undefined;
}
