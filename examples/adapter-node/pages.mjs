// Which rows come on this page, and where does the next one begin?
import { DataError, malformed } from "./errors.mjs";
import { parse, write } from "./json.mjs";
import { readCount, readPath } from "./requests.mjs";
import { compareKeys, isMetadata, valueAt } from "./rows.mjs";
import { compare } from "./values.mjs";

const POSITION_MAX_BYTES = 5 << 10;

// Returns a function from the rows that match to the FindResponse.
export function readPage(request) {
  const sort = request.sort.map(({ path, descending }) => ({ path: readPath(path), descending }));
  const projection = request.projection.map(readPath).filter((path) => !isMetadata(path));
  const whole = request.projection.length === 0;
  const [limit, skip] = [readCount(request.limit, "limit"), readCount(request.skip, "skip")];
  const maxBytes = readCount(request.max_bytes, "max_bytes");
  if (limit < 1 || maxBytes < 1) throw malformed("limit", "limit and max_bytes are at least 1");
  const order = orderOf(sort);
  const after = request.position.length === 0 ? undefined : decodePosition(request.position, sort.length);

  return (rows) => {
    let places = rows.map((row) => ({ row, values: sort.map(({ path }) => sortValue(valueAt(row, path))), key: row }));
    // A position is a place in the order, not a document: it holds when that document is gone, and others have come.
    if (after !== undefined) places = places.filter((place) => order(place, after) > 0);
    places = places.sort(order).slice(skip);
    const textOf = ({ row }) => (whole ? row.json : write(project(row.document, projection)));
    const texts = fill(places, limit, maxBytes, textOf);
    const more = texts.length > 0 && texts.length < places.length;
    return {
      page: columns(
        places.slice(0, texts.length).map(({ row }) => row),
        texts,
      ),
      next_position: more ? encodePosition(places[texts.length - 1]) : Buffer.alloc(0),
    };
  };
}

// Ties are ordered by (tenant, id) in the last key's direction, so that one index can serve both directions.
function orderOf(sort) {
  const last = sort.at(-1)?.descending ? -1 : 1;
  return (left, right) => {
    for (const [number, { descending }] of sort.entries()) {
      const difference = compare(left.values[number], right.values[number]);
      if (difference !== 0) return descending ? -difference : difference;
    }
    return last * compareKeys(left.key, right.key);
  };
}

// What orders a value: itself, or an empty one of its kind where all of a kind sort as one class.
function sortValue(value) {
  if (value instanceof Map) return new Map();
  return Array.isArray(value) ? [] : (value ?? null);
}

// Until the page is full; but one document always fits.
function fill(places, limit, maxBytes, textOf) {
  const texts = [];
  let size = 0;
  for (const place of places.slice(0, limit)) {
    const text = textOf(place);
    size += Buffer.byteLength(text);
    if (texts.length > 0 && size > maxBytes) break;
    texts.push(text);
  }
  return texts;
}

// The named paths, nested as in the document; what is missing is absent. No path lies inside another.
function project(document, paths) {
  const result = new Map();
  for (const path of paths) {
    const parents = path.slice(0, -1);
    let found = document;
    for (const segment of parents) found = found instanceof Map ? found.get(segment) : undefined;
    if (!(found instanceof Map) || !found.has(path.at(-1))) continue;
    let made = result;
    for (const segment of parents) {
      if (!made.has(segment)) made.set(segment, new Map());
      made = made.get(segment);
    }
    made.set(path.at(-1), found.get(path.at(-1)));
  }
  return result;
}

// A column of optional metadata is there when any row has some; then it has an entry for every row.
function columns(rows, texts) {
  const column = (read) => rows.map((row) => String(read(row)));
  const optional = (read) => (rows.some(read) ? column(read) : []);
  return {
    id: column((row) => row.id),
    json: texts,
    created_us: column((row) => row.createdUs),
    updated_us: column((row) => row.updatedUs),
    version: column((row) => row.version),
    owner: optional((row) => row.owner),
    tenant: optional((row) => row.tenant),
    acl: optional((row) => row.acl),
    deleted_us: optional((row) => row.deletedUs),
  };
}

// The broker encrypts positions before a caller sees them: they may hold what is stored.
function encodePosition({ values, key }) {
  const position = Buffer.from(write([...values, key.tenant, key.id]));
  if (position.length > POSITION_MAX_BYTES) {
    throw new DataError("TOO_LARGE", "a page ends at a document whose sort values are too long for a position", {
      path: "sort",
    });
  }
  return position;
}

function decodePosition(position, keys) {
  try {
    const values = parse(position.toString());
    const [tenant, id] = values.splice(-2);
    if (values.length === keys && typeof tenant === "string" && typeof id === "string") {
      return { values, key: { tenant, id } };
    }
  } catch {
    // What cannot be read is refused as what does not fit.
  }
  throw new DataError("BAD_PAGE_TOKEN", "this is not a position of this query");
}
