// What do the parts of a request say? Targets, paths and values, read from their messages and checked.
import { malformed, unsupported } from "./errors.mjs";
import { parse } from "./json.mjs";

const SERVICE = /^[a-z][a-z0-9-]{0,62}$/;
const COLLECTION = /^[a-z][a-z0-9_-]{0,62}$/;

// The tenant is "" where the collection has none; undefined means all tenants. The two are not the same.
export function readTarget(target) {
  if (!SERVICE.test(target?.service) || !COLLECTION.test(target?.collection)) {
    throw malformed("target", "the service or the collection is no name");
  }
  return { key: `${target.service}.${target.collection}`, tenant: target.tenant };
}

// How a collection should be kept: here there is one way, that of an empty message.
export function refuseStorage(storage) {
  if (storage?.partition_by) throw unsupported("partition");
  if (storage?.shard_key) throw unsupported("sharding");
  if (!["TENANCY_UNSPECIFIED", "TENANCY_SHARED"].includes(storage?.tenancy ?? "TENANCY_SHARED")) {
    throw unsupported("tenancy");
  }
}

export function readPath(path) {
  const segments = path?.segments ?? [];
  if (segments.length < 1 || segments.length > 16 || segments.includes("")) {
    throw malformed("path", "a path has 1 to 16 segments, none of them empty");
  }
  return segments;
}

export function readValue(value) {
  switch (value?.kind) {
    case "null":
      return null;
    case "integer":
      return BigInt(value.integer);
    case "double":
      if (!Number.isFinite(value.double)) throw malformed("value", "a number is not finite");
      return value.double;
    case "boolean":
    case "string":
      return value[value.kind];
    case "json":
      return readJson(value.json, "value");
    default:
      throw malformed("value", "a value has no kind");
  }
}

export function readJson(text, where) {
  try {
    return parse(text);
  } catch {
    throw malformed(where, "it is not JSON");
  }
}

// int64 fields arrive as text; a count or limit fits a Number.
export function readCount(text, where) {
  if (BigInt(text) < 0n) throw malformed(where, "it is negative");
  return Number(text);
}
