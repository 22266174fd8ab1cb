// What is kept of a document, and how do filters and sort orders see it?
//
// A row is never changed in place. It is { tenant, id, document, json, owner, acl, createdUs, updatedUs, version,
// deletedUs }: `json` is the text of `document`, `acl` is JSON text, the last four are BigInts, and `deletedUs` is 0n
// while the document is not deleted.
import { parse } from "./json.mjs";
import { compareText, get } from "./values.mjs";

// A first segment of these names stands for metadata. What a row has none of is missing, not "" or 0.
const METADATA = new Map([
  ["_id", (row) => row.id],
  ["_tenant", (row) => row.tenant || undefined],
  ["_owner", (row) => row.owner || undefined],
  ["_acl", (row) => (row.acl ? parse(row.acl) : undefined)],
  ["_version", (row) => row.version],
  ["_created_at", (row) => row.createdUs],
  ["_updated_at", (row) => row.updatedUs],
  ["_deleted_at", (row) => row.deletedUs || undefined],
]);

export const isMetadata = (path) => METADATA.has(path[0]);

export function valueAt(row, path) {
  const read = METADATA.get(path[0]);
  return read === undefined ? get(row.document, path) : get(read(row), path.slice(1));
}

// The key of a document is (tenant, id); an id holds no NUL.
export const keyOf = (tenant, id) => `${tenant}\0${id}`;

export function compareKeys(left, right) {
  return compareText(left.tenant, right.tenant) || compareText(left.id, right.id);
}
