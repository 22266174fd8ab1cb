// The program: where it listens, the handshake with the broker that started it, and an orderly end.
//
// A broker sets AOL_ADAPTER_LISTEN and AOL_ADAPTER_COOKIE. Without one: node main.mjs --listen unix:/PATH
import { fstatSync } from "node:fs";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import { DataError, serviceError } from "./errors.mjs";
import { AdapterService } from "./service.mjs";

const ADAPTER = "aol.adapter.v1.Adapter";
// A request of 16 MiB, and what the contract adds to it.
const MESSAGE_MAX_BYTES = 17 << 20;
// Calls under way get so long at the end; a broker kills the program after 3 s.
const DRAIN_MS = 2000;

const here = fileURLToPath(new URL(".", import.meta.url));
const protos = process.env.AOL_PROTOS ?? fileURLToPath(new URL("../../protos", import.meta.url));
const definition = protoLoader.loadSync(["aol/adapter/v1/adapter.proto", "health.proto"], {
  includeDirs: [protos, here],
  keepCase: true, // names as in the .proto files
  longs: String, // int64 as text: a Number would round it
  enums: String,
  defaults: true,
  oneofs: true, // `message.node` names the member that is set
});

// Standard output is the handshake's alone. Logs go to standard error, without anything that a user stored.
const log = (event, fields = {}) => process.stderr.write(`${JSON.stringify({ event, ...fields })}\n`);
// What libraries log may hold anything.
grpc.setLogVerbosity(grpc.logVerbosity.NONE);
// A broker that died reads neither; that must not fail the orderly end.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

function launch() {
  const [option, address] = process.argv.slice(2);
  if (option === "--listen" && address?.startsWith("unix:/")) return { address, cookie: "" };
  const { AOL_ADAPTER_LISTEN, AOL_ADAPTER_COOKIE } = process.env;
  if (option === undefined && AOL_ADAPTER_LISTEN && AOL_ADAPTER_COOKIE) {
    return { address: AOL_ADAPTER_LISTEN, cookie: AOL_ADAPTER_COOKIE };
  }
  process.stderr.write("This adapter is started by an AOL data broker, or with --listen unix:/PATH\n");
  return process.exit(2);
}

// grpc-js would answer a message that it cannot decode with INTERNAL and an exception's text, so the bytes come through
// as they are and are decoded here.
function unary(name, { requestDeserialize }, answer) {
  return (call, callback) => {
    try {
      if (call.getDeadline() <= Date.now()) throw new DataError("DEADLINE", "the time was over before the call began");
      callback(null, answer(decode(requestDeserialize, call.request)));
    } catch (error) {
      callback(serviceError(error instanceof DataError ? error : bug(name, error)));
    }
  };
}

function decode(deserialize, bytes) {
  try {
    return deserialize(bytes);
  } catch {
    throw new DataError("BAD_REQUEST", `${bytes.length} bytes are no message of this method`, { path: "request" });
  }
}

// An exception's text may hold what a user stored: it goes nowhere. Where it was thrown is told.
function bug(method, error) {
  const frames = /^ {4}at .*\/[^/]+\.mjs:\d+:\d+\)?$/gm;
  const stack = String(error?.stack).slice(`${error?.name}: ${error?.message}`.length);
  log("adapter.bug", { method, fault: error?.name, at: stack.match(frames)?.[0].trim() });
  return new DataError("INTERNAL_BUG", "The adapter failed on a bug of its own; its log says where.");
}

function adapterMethods(methods) {
  const service = new AdapterService();
  const names = Object.keys(methods);
  return {
    definition: Object.fromEntries(
      names.map((name) => [name, { ...methods[name], requestDeserialize: (bytes) => bytes }]),
    ),
    handlers: Object.fromEntries(
      names.map((name) => [name, unary(name, methods[name], (request) => service[name](request))]),
    ),
  };
}

// What is in memory can always be used. An adapter of a database asks it here.
function check(call, callback) {
  if (["", ADAPTER].includes(call.request.service)) callback(null, { status: "SERVING" });
  else callback({ code: grpc.status.NOT_FOUND, details: "unknown service" });
}

function stopInOrder(server) {
  let stopping = false;
  return () => {
    if (stopping) return;
    stopping = true;
    const end = () => {
      log("adapter.stopped");
      process.exit(0);
    };
    server.tryShutdown(end);
    setTimeout(() => {
      server.forceShutdown();
      end();
    }, DRAIN_MS);
  };
}

// The broker holds the other end of standard input for as long as it lives. Only a pipe or socket can tell.
function stopWithBroker(stop) {
  const input = fstatSync(0);
  if (!input.isFIFO() && !input.isSocket()) return;
  for (const event of ["end", "error"]) process.stdin.on(event, stop);
  process.stdin.resume();
}

const { address, cookie } = launch();
const server = new grpc.Server({ "grpc.max_receive_message_length": MESSAGE_MAX_BYTES });
const adapter = adapterMethods(definition[ADAPTER]);
server.addService(adapter.definition, adapter.handlers);
server.addService(definition["grpc.health.v1.Health"], { Check: check });
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) {
    log("adapter.cannot_listen", { address });
    process.exit(1);
  }
  const stop = stopInOrder(server);
  for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, stop);
  if (cookie) stopWithBroker(stop);
  const handshake = { aol_adapter: 1, protocols: ["aol.adapter.v1"], address, cookie };
  process.stdout.write(`${JSON.stringify(handshake)}\n`);
  log("adapter.serving", { address });
});
