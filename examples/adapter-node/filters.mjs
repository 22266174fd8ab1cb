// Which rows does a filter match? A filter message made into a function of a row.
//
// Reading the whole filter before the first row is looked at is what refuses an undeclared capability in time.
import { malformed, unsupported } from "./errors.mjs";
import { readPath, readValue } from "./requests.mjs";
import { valueAt } from "./rows.mjs";
import { compare, equal, rank } from "./values.mjs";

// An absent filter matches every document.
export function readFilter(filter) {
  return filter === null || filter === undefined ? () => true : readNode(filter);
}

function readNode(filter) {
  switch (filter.node) {
    case "and": {
      const parts = readList(filter.and);
      return (row) => parts.every((part) => part(row));
    }
    case "or": {
      const parts = readList(filter.or);
      return (row) => parts.some((part) => part(row));
    }
    case "not": {
      const part = readNode(filter.not);
      return (row) => !part(row);
    }
    case "regex":
      throw unsupported(filter.regex.level === "REGEX_LEVEL_FULL" ? "regex_full" : "regex");
    case "text":
      throw unsupported("text");
    default:
      return readLeaf(filter);
  }
}

function readList({ filters }) {
  if (filters.length === 0) throw malformed("filter", "a list of filters is empty");
  return filters.map(readNode);
}

function readLeaf(filter) {
  const leaf = filter[filter.node];
  if (leaf === undefined) throw malformed("filter", "a filter has no node that is known");
  const path = readPath(leaf.path);
  const test = readTest(filter.node, leaf);
  return (row) => test(valueAt(row, path));
}

function readTest(node, leaf) {
  switch (node) {
    case "comparison":
      return readComparison(leaf.operator, readValue(leaf.operand));
    case "membership": {
      const values = leaf.values.map(readValue);
      // `negated` is the exact complement: it also matches where the path is missing.
      return (value) => values.some((candidate) => equal(value, candidate)) !== leaf.negated;
    }
    case "exists":
      // null is a value.
      return (value) => (value !== undefined) === leaf.exists;
    case "contains": {
      const element = readValue(leaf.element);
      return (value) => Array.isArray(value) && value.some((item) => equal(item, element));
    }
    case "contains_any": {
      if (leaf.elements.length > 1000) throw malformed("filter", "more than 1,000 elements are looked for");
      const elements = new Set(leaf.elements);
      return (value) => Array.isArray(value) && value.some((item) => elements.has(item));
    }
    default:
      throw malformed("filter", "a filter has no node that is known");
  }
}

function readComparison(operator, operand) {
  // Type bracketing: an order holds only within the operand's own type, everything else does not match.
  const ordered = (holds) => (value) => rank(value) === rank(operand) && holds(compare(value, operand));
  switch (operator) {
    case "OPERATOR_EQ":
      return (value) => equal(value, operand);
    case "OPERATOR_NE":
      return (value) => !equal(value, operand);
    case "OPERATOR_GT":
      return ordered((order) => order > 0);
    case "OPERATOR_GTE":
      return ordered((order) => order >= 0);
    case "OPERATOR_LT":
      return ordered((order) => order < 0);
    case "OPERATOR_LTE":
      return ordered((order) => order <= 0);
    default:
      throw malformed("filter", "a comparison has no operator that is known");
  }
}
