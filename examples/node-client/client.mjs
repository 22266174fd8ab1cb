// Stores a document and queries it back, from the .proto files alone.
//
//   npm install && node client.mjs [ENDPOINT] [SERVICE]
//
// A service names itself in the header `aol-service`. Documents and filters are JSON text.
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const [endpoint = process.env.AOL_ENDPOINT ?? "127.0.0.1:50051", service = "node-example"] = process.argv.slice(2);
const protos =
  process.env.AOL_PROTOS ?? path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../protos");
const definition = protoLoader.loadSync("aol/data/v1/data_broker.proto", { includeDirs: [protos], longs: Number });
const { DataBroker } = grpc.loadPackageDefinition(definition).aol.data.v1;

const client = new DataBroker(endpoint, grpc.credentials.createInsecure());
const headers = new grpc.Metadata();
headers.set("aol-service", service);
const call = (method, request) => promisify(client[method].bind(client))(request, headers);

await call("RequestCollection", { name: "greetings" });
const stored = await call("StoreData", {
  collection: "greetings",
  document: JSON.stringify({ text: "hello from node", stars: 5 }),
});
const found = await call("QueryData", {
  collection: "greetings",
  filter: JSON.stringify({ stars: { $gte: 5 } }),
  sort: [{ path: "_created_at", descending: true }],
  limit: 1,
});
const documents = found.page.json.map((text, index) => ({ _id: found.page.id[index], ...JSON.parse(text) }));
console.log(JSON.stringify({ stored: stored.documentId, found: documents }));
client.close();
