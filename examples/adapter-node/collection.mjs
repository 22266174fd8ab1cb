// What is in a collection? Its rows and indexes, and the one way in which they change.
import { checkIndexed, fits } from "./indexes.mjs";
import { keyOf } from "./rows.mjs";

const SHOWN = {
  DELETED_MODE_UNSPECIFIED: (row) => row.deletedUs === 0n,
  DELETED_MODE_EXCLUDE: (row) => row.deletedUs === 0n,
  DELETED_MODE_INCLUDE: () => true,
  DELETED_MODE_ONLY: (row) => row.deletedUs !== 0n,
};

export const isDeletedMode = (mode) => mode in SHOWN;

export class Collection {
  rows = new Map();
  #indexes = new Map();

  // Returns how an index stands, built now unless it is ready. Documents that do not fit make it fail, and no write.
  ensureIndex(index) {
    if (this.#indexes.get(index.key)?.status.state !== "INDEX_STATE_READY") {
      const offenders = [...this.rows.values()].filter((row) => !fits(row.document, index)).length;
      const state = offenders === 0 ? "INDEX_STATE_READY" : "INDEX_STATE_FAILED";
      this.#indexes.set(index.key, { index, status: { spec: index.spec, name: index.name, state, offenders } });
    }
    return this.#indexes.get(index.key).status;
  }

  statuses() {
    return Array.from(this.#indexes.values(), ({ status }) => status);
  }

  // Returns the rows that match. Every filter on tenants stands here: nothing else reads `rows` but by key.
  select(tenant, matches, deleted) {
    const shown = SHOWN[deleted];
    return [...this.rows.values()].filter(
      (row) => (tenant === undefined || row.tenant === tenant) && shown(row) && matches(row),
    );
  }

  // Makes the changes of one mutation, all or none.
  put(changes) {
    for (const { index, status } of this.#indexes.values()) {
      if (status.state !== "INDEX_STATE_READY") continue;
      for (const { after } of changes) if (after !== null) checkIndexed(after.document, index);
    }
    for (const { tenant, id, after } of changes) {
      if (after === null) this.rows.delete(keyOf(tenant, id));
      else this.rows.set(keyOf(tenant, id), after);
    }
  }
}
