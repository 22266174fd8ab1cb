// How is each method of aol.adapter.v1.Adapter answered? Request messages in, response messages out.
//
// No method awaits anything, so each call is atomic. An adapter of a real database has to see to that itself.
import { Collection, isDeletedMode } from "./collection.mjs";
import { DataError, encodeStatus, malformed, unsupported } from "./errors.mjs";
import { readFilter } from "./filters.mjs";
import { readIndex } from "./indexes.mjs";
import { readMutation } from "./mutations.mjs";
import { readPage } from "./pages.mjs";
import { readTarget, refuseStorage } from "./requests.mjs";

const VERSION = "1";

export class AdapterService {
  #collections = new Map();

  // The core alone. What is not declared is refused with CAPABILITY_UNSUPPORTED, before anything is changed.
  Describe() {
    return { name: "node-memory", version: VERSION, capabilities: [] };
  }

  EnsureCollection(request) {
    const { key } = readTarget(request.target);
    refuseStorage(request.storage);
    // All indexes are read first: one that is refused must not leave a collection behind.
    const indexes = request.indexes.map(readIndex);
    const created = !this.#collections.has(key);
    if (created) this.#collections.set(key, new Collection());
    return { indexes: indexes.map((index) => this.#collections.get(key).ensureIndex(index)), created };
  }

  InspectCollection(request) {
    return { indexes: this.#open(request).collection.statuses() };
  }

  DropCollection(request) {
    this.#collections.delete(readTarget(request.target).key);
    return {};
  }

  Write(request) {
    const { collection, tenant } = this.#open(request);
    if (request.atomic) throw unsupported("atomic");
    const mutations = request.mutations.map(readMutation);
    if (tenant === undefined && request.mutations.some(({ change }) => change === "insert")) {
      throw malformed("target.tenant", "an insert needs one tenant");
    }
    return { results: mutations.map((mutation) => apply(mutation, collection, tenant, request.return_ids)) };
  }

  Find(request) {
    const { collection, tenant } = this.#open(request);
    const [matches, page] = [readFilter(request.filter), readPage(request)];
    return page(collection.select(tenant, matches, readDeleted(request)));
  }

  Count(request) {
    const { collection, tenant } = this.#open(request);
    return { count: collection.select(tenant, readFilter(request.filter), readDeleted(request)).length };
  }

  Explain() {
    throw unsupported("explain");
  }

  #open(request) {
    const { key, tenant } = readTarget(request.target);
    const collection = this.#collections.get(key);
    if (collection === undefined) {
      throw new DataError("COLLECTION_NOT_FOUND", "the adapter has no such collection; ensure it first");
    }
    return { collection, tenant };
  }
}

// A mutation that fails does not hinder the others: its error travels in its result.
function apply(mutation, collection, tenant, returnIds) {
  try {
    const { changes, duplicate = false } = mutation(collection, tenant);
    if (!duplicate) collection.put(changes);
    return { affected: changes.length, was_duplicate: duplicate, ids: returnIds ? changes.map(({ id }) => id) : [] };
  } catch (error) {
    if (error instanceof DataError) return { error: encodeStatus(error) };
    throw error;
  }
}

function readDeleted({ deleted }) {
  if (!isDeletedMode(deleted)) throw malformed("deleted", "this mode is not known");
  return deleted;
}
