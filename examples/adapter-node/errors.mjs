// Why can a call fail, and how does that travel? A reason of the contract, in a google.rpc.Status.
//
// A message is for people: it may name paths, operators, sizes and indexes, and never holds anything that was stored.
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import protobuf from "protobufjs";

const DOMAIN = "aol.data";
const rpc = protobuf.loadSync(fileURLToPath(new URL("status.proto", import.meta.url)));
const [Status, ErrorInfo, BadRequest] = ["Status", "ErrorInfo", "BadRequest"].map((name) =>
  rpc.lookupType(`google.rpc.${name}`),
);

// The reasons that this adapter gives (aol/data/v1/error.proto has them all), each with its gRPC status.
const CODES = {
  BAD_DOCUMENT: grpc.status.INVALID_ARGUMENT,
  BAD_PAGE_TOKEN: grpc.status.INVALID_ARGUMENT,
  BAD_REQUEST: grpc.status.INVALID_ARGUMENT,
  TOO_LARGE: grpc.status.INVALID_ARGUMENT,
  COLLECTION_NOT_FOUND: grpc.status.NOT_FOUND,
  DUPLICATE_ID: grpc.status.ALREADY_EXISTS,
  VERSION_MISMATCH: grpc.status.ABORTED,
  MAX_AFFECTED_EXCEEDED: grpc.status.FAILED_PRECONDITION,
  CAPABILITY_UNSUPPORTED: grpc.status.UNIMPLEMENTED,
  DEADLINE: grpc.status.DEADLINE_EXCEEDED,
  INTERNAL_BUG: grpc.status.INTERNAL,
};

export class DataError extends Error {
  // `path` is the place of a request that is wrong; `metadata` is for programs, text to text.
  constructor(reason, message, { path = "", metadata = {} } = {}) {
    super(path ? `${path}: ${message}` : message);
    Object.assign(this, { reason, path, description: message, metadata });
  }
}

// A path as errors name it: cut to a bearable length, by code points, and without control characters.
export const shown = (path) => Array.from(path.join(".")).slice(0, 120).join("").replace(/\p{C}/gu, "\ufffd");

// A message that does not keep to the contract.
export const malformed = (path, message) => new DataError("BAD_REQUEST", message, { path });

// Something beyond the core. It is refused before any data is touched.
export const unsupported = (capability) =>
  new DataError("CAPABILITY_UNSUPPORTED", `this adapter lacks the capability ${capability}`, {
    metadata: { capability },
  });

// The encoded google.rpc.Status: the trailer of a failed call, and `MutationResult.error`.
export function encodeStatus(error) {
  const { reason, metadata, path, description } = error;
  const details = [pack(ErrorInfo, { reason, domain: DOMAIN, metadata })];
  if (path) details.push(pack(BadRequest, { fieldViolations: [{ field: path, description }] }));
  return Buffer.from(Status.encode({ code: CODES[reason], message: error.message, details }).finish());
}

// The error as grpc-js sends it.
export function serviceError(error) {
  const metadata = new grpc.Metadata();
  metadata.set("grpc-status-details-bin", encodeStatus(error));
  return { code: CODES[error.reason], details: error.message, metadata };
}

function pack(type, value) {
  return { type_url: `type.googleapis.com${type.fullName.replace(".", "/")}`, value: type.encode(value).finish() };
}
