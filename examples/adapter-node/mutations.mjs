// What does a mutation change? Read from its message first, worked out on a collection later, put into it last.
//
// A mutation that is read is a function (collection, tenant) -> { changes, duplicate }: for each changed document its
// key and the row that it is afterwards, or null; `duplicate` is true for the repetition of an insert.
import { DataError, malformed } from "./errors.mjs";
import { readFilter } from "./filters.mjs";
import { write } from "./json.mjs";
import { readCount, readJson } from "./requests.mjs";
import { keyOf } from "./rows.mjs";
import { readOperations } from "./updates.mjs";
import { equal } from "./values.mjs";

const DOCUMENT_MAX_BYTES = 1 << 20;

export function readMutation(mutation) {
  switch (mutation.change) {
    case "insert":
      return readInsert(mutation.insert);
    case "update":
      return readUpdate(mutation.update);
    case "delete":
      return readDelete(mutation.delete);
    case "restore":
      return readRestore(mutation.restore);
    default:
      throw malformed("mutations", "a mutation has no change");
  }
}

function readInsert({ id, json, now_us, owner, acl, stamps }) {
  if (id === "" || id.includes("\0") || Buffer.byteLength(id) > 256) throw malformed("mutations", "the id is none");
  const document = readJson(json, "mutations");
  if (acl) readJson(acl, "mutations");
  const fresh = { id, document, json, owner, acl, ...readStamps(stamps, BigInt(now_us)) };
  return (collection, tenant) => {
    if (tenant === undefined) throw malformed("target.tenant", "an insert needs one tenant");
    const present = collection.rows.get(keyOf(tenant, id));
    if (present === undefined) return { changes: [change({ tenant, id }, { tenant, ...fresh })] };
    // A repeated insert is a success, so that a caller that got no answer can simply insert again.
    const isSame = (present.deletedUs === 0n) === (fresh.deletedUs === 0n);
    if (isSame && equal(present.document, document)) {
      return { changes: [change(present, present)], duplicate: true };
    }
    throw new DataError("DUPLICATE_ID", "another document, maybe a deleted one, has this _id");
  };
}

// A document that is copied from elsewhere keeps the metadata that it had there.
function readStamps(stamps, now) {
  if (!stamps) return { createdUs: now, updatedUs: now, version: 1n, deletedUs: 0n };
  const [createdUs, updatedUs, deletedUs] = [stamps.created_us, stamps.updated_us, stamps.deleted_us].map(BigInt);
  const version = BigInt(stamps.version);
  if (version < 1n || [createdUs, updatedUs, deletedUs].some((us) => us < 0n)) {
    throw malformed("mutations", "an insert's stamps are none");
  }
  return { createdUs, updatedUs, version, deletedUs };
}

function readUpdate(update) {
  const select = readSelection(update, "DELETED_MODE_EXCLUDE");
  const { acl, owner } = update;
  if (update.operations.length === 0 && acl === undefined && owner === undefined) {
    throw malformed("operations", "an update has no operations, and neither an owner nor an access control list");
  }
  if (acl) readJson(acl, "mutations");
  const apply = readOperations(update.operations);
  const now = BigInt(update.now_us);
  const after = (row) => {
    const document = apply(row.document);
    const json = write(document);
    if (Buffer.byteLength(json) > DOCUMENT_MAX_BYTES) {
      throw new DataError("TOO_LARGE", `at most ${DOCUMENT_MAX_BYTES} bytes`, { path: "document" });
    }
    // What is absent stays; what is empty is removed.
    const access = { owner: owner ?? row.owner, acl: acl ?? row.acl };
    return { ...row, ...access, document, json, updatedUs: now, version: row.version + 1n };
  };
  return (collection, tenant) => ({ changes: select(collection, tenant).map((row) => change(row, after(row))) });
}

// Neither a soft delete nor a restore changes a version.
function readDelete(removal) {
  const select = readSelection(removal, removal.purge ? "DELETED_MODE_ONLY" : "DELETED_MODE_EXCLUDE");
  const now = BigInt(removal.now_us);
  const after = (row) => (removal.soft ? { ...row, deletedUs: now } : null);
  return (collection, tenant) => ({ changes: select(collection, tenant).map((row) => change(row, after(row))) });
}

function readRestore(restore) {
  const select = readSelection(restore, "DELETED_MODE_ONLY");
  return (collection, tenant) => ({
    changes: select(collection, tenant).map((row) => change(row, { ...row, deletedUs: 0n })),
  });
}

// The rows that a mutation is about, unless a guard forbids it. Nothing is changed yet when a guard does.
function readSelection({ filter, max_affected, if_version }, deleted) {
  const matches = readFilter(filter);
  const max = max_affected === undefined ? Infinity : readCount(max_affected, "max_affected");
  const version = if_version === undefined ? undefined : BigInt(if_version);
  return (collection, tenant) => {
    const rows = collection.select(tenant, matches, deleted);
    if (rows.length > max) {
      throw new DataError("MAX_AFFECTED_EXCEEDED", `${rows.length} documents match, and max_affected is ${max}`);
    }
    if (version !== undefined && rows.some((row) => row.version !== version)) {
      throw new DataError("VERSION_MISMATCH", "the document has another version than if_version");
    }
    return rows;
  };
}

const change = ({ tenant, id }, after) => ({ tenant, id, after });
