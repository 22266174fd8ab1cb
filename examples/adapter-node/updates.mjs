// What does a document look like after an update?
import { DataError, malformed, shown } from "./errors.mjs";
import { isInt64 } from "./json.mjs";
import { readPath, readValue } from "./requests.mjs";
import { arrayIndex, get } from "./values.mjs";

const DOCUMENT_MAX_DEPTH = 64;

// Returns a function from a document to the changed one. The document given stays as it is; what does not change is
// shared between the two.
export function readOperations(operations) {
  const steps = operations.map(readOperation);
  return (document) => {
    const result = new Map(document);
    for (const step of steps) step(result);
    checkNested(result, 1);
    return result;
  };
}

function readOperation(message) {
  const path = readPath(message.path);
  if (message.operation === "unset") return (document) => unset(document, path);
  if (!["set", "inc", "push"].includes(message.operation)) throw malformed("operations", "a step has no operation");
  const value = readValue(message[message.operation]);
  switch (message.operation) {
    case "set":
      return (document) => put(document, path, () => value);
    case "inc":
      if (typeof value !== "bigint" && typeof value !== "number") throw malformed("operations", "$inc takes a number");
      return (document) => put(document, path, (present) => sum(present, value, path));
    default:
      return (document) => put(document, path, (present) => pushed(present, value, path));
  }
}

function put(document, path, change) {
  const parent = ownParent(document, path);
  assign(parent, path.at(-1), change(child(parent, path, path.length - 1)));
}

// What is not there is not removed; but an array keeps its length.
function unset(document, path) {
  if (get(document, path) === undefined) return;
  const parent = ownParent(document, path);
  if (Array.isArray(parent)) throw misfit(path, "$unset cannot remove an element of an array");
  parent.delete(path.at(-1));
}

// Returns what holds the last segment: a fresh copy, as everything on the way to it. Missing parents become objects.
function ownParent(document, path) {
  let parent = document;
  for (let at = 0; at < path.length - 1; at += 1) {
    const found = child(parent, path, at);
    let own;
    if (found === undefined) own = new Map();
    else if (found instanceof Map) own = new Map(found);
    else if (Array.isArray(found)) own = [...found];
    else throw misfit(path.slice(0, at + 1), "neither an object nor missing, so nothing can be put under it");
    assign(parent, path[at], own);
    parent = own;
  }
  return parent;
}

function child(parent, path, at) {
  if (parent instanceof Map) return parent.get(path[at]);
  const found = parent[arrayIndex(path[at])];
  if (found === undefined) throw misfit(path.slice(0, at + 1), "an array is updated only at an index that it has");
  return found;
}

function assign(parent, segment, value) {
  if (parent instanceof Map) parent.set(segment, value);
  else parent[arrayIndex(segment)] = value;
}

// Two integers make an integer, and must stay one of int64; with a double, the sum is one.
function sum(present = 0n, amount, path) {
  if (typeof present !== "bigint" && typeof present !== "number") throw misfit(path, "$inc needs a number there");
  if (typeof present === "bigint" && typeof amount === "bigint") {
    if (!isInt64(present + amount)) throw misfit(path, "the sum is beyond the range of 64-bit integers");
    return present + amount;
  }
  const total = Number(present) + Number(amount);
  if (!Number.isFinite(total)) throw misfit(path, "the sum is beyond the range of doubles");
  return total;
}

function pushed(present = [], value, path) {
  if (!Array.isArray(present)) throw misfit(path, "$push needs an array there, or nothing");
  return [...present, value];
}

function checkNested(value, depth) {
  if (typeof value !== "object" || value === null) return;
  if (depth > DOCUMENT_MAX_DEPTH) {
    throw new DataError("BAD_DOCUMENT", `nested deeper than ${DOCUMENT_MAX_DEPTH} levels`, { path: "document" });
  }
  for (const member of value.values()) checkNested(member, depth + 1);
}

const misfit = (path, message) => new DataError("BAD_DOCUMENT", message, { path: shown(path) });
