// What scripts/console-e2e.sh drives the console of: upstreams, clients and a running clawgate.
import { spawn } from "node:child_process";
import { X509Certificate, createHmac, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import https from "node:https";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const { CLAWGATE, CERTS, WORK } = process.env;
export const RELAY_TOKEN = "relay-token-of-the-callers-of-the-test";
export const API_KEY = "key-of-the-api-that-the-page-may-not-show";
export const TOKEN = "console-token-of-the-test";
const pem = (name) => readFileSync(`${CERTS}/${name}`);

/** The SHA-256 fingerprint of a certificate, as clawgate writes it. */
export function fingerprint(cert) {
  return new X509Certificate(pem(`${cert}.pem`)).fingerprint256.replaceAll(":", "").toLowerCase();
}

/** Waits until `check` returns something. */
export async function eventually(what, check) {
  const end = Date.now() + 15000;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`no ${what} within 15 s`);
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

/** An upstream that answers with `status`, and serves `pages` to browsers. */
export async function startUpstream(status, port = 0, pages = {}) {
  const received = [];
  const upstream = { status, received, pages };
  const server = createServer((request, response) => {
    const page = upstream.pages[request.url];
    if (page && request.method === "GET") {
      response.writeHead(200, { "content-type": "text/html" });
      return response.end(page);
    }
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      received.push({ path: request.url, body });
      response.writeHead(upstream.status, { "content-type": "text/plain" });
      response.end(upstream.status === 200 ? "ok" : "this message is not accepted");
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  upstream.port = server.address().port;
  upstream.close = () => server.close();
  return upstream;
}

/** A port on which nothing listens. */
export async function unusedPort() {
  const { port, close } = await startUpstream(200);
  close();
  return port;
}

/** A running clawgate; `lines` go into `[admin]`. */
export async function startClawgate(name, upstream, away, lines = "", admin = "127.0.0.1:0") {
  const denylist = `${WORK}/${name}-denylist`;
  writeFileSync(denylist, "# nobody yet\n");
  writeFileSync(`${WORK}/relay-token`, RELAY_TOKEN);
  writeFileSync(`${WORK}/api-key`, API_KEY);
  writeFileSync(`${WORK}/hook-token`, "hook-token-of-the-test");
  writeFileSync(`${WORK}/${name}.toml`, `
[listen]
address = "127.0.0.1:0"
signed_address = "127.0.0.1:0"
[tls]
certificate = "${CERTS}/server.pem"
private_key = "${CERTS}/server.key"
[clients]
ca = "${CERTS}/ca.pem"
crl = "${CERTS}/crl.pem"
denylist = "${denylist}"
[admin]
address = "${admin}"
edit_denylist = true
${lines}
[limits]
connections = 500
[upstream]
url = "http://127.0.0.1:${upstream.port}"
token_file = "${WORK}/hook-token"
[inbox]
path = "${WORK}/${name}/inbox.db"
[[route]]
path = "/hooks/agent"
delivery = "inbox"
[[route]]
path = "/hooks/away"
delivery = "inbox"
upstream = "http://127.0.0.1:${away}"
token_file = "${WORK}/hook-token"
[relay]
address = "127.0.0.1:0"
token_file = "${WORK}/relay-token"
[[relay.target]]
name = "analytics"
path = "/track"
url = "http://127.0.0.1:${upstream.port}/v1/events"
auth = { bearer_file = "${WORK}/api-key" }
delivery = "wait"
rate = "60/1m"
allow_plain_http = true
allow_private = ["127.0.0.0/8"]
[[route]]
path = "/hooks/signed"
authenticate = "signature"
verify = { scheme = "standard-webhooks", secret_file = "${CERTS}/webhook-secret" }
`);
  const child = spawn(CLAWGATE, ["run", "--config", `${WORK}/${name}.toml`, "--log-format", "json"]);
  process.on("exit", () => child.kill("SIGKILL"));
  const log = [];
  createInterface({ input: child.stdout }).on("line", (line) => log.push(JSON.parse(line)));
  let complaint = "";
  child.stderr.on("data", (part) => (complaint += part));
  const event = (event, where = () => true) => log.find((line) => line.event === event && where(line));
  const started = await eventually(`start (${name})`, () => {
    if (child.exitCode !== null) throw new Error(`clawgate did not start: ${complaint}`);
    return event("started");
  });
  return {
    log, event, denylist,
    port: Number(started.listen[0].split(":")[1]),
    signedPort: Number(started.listen_signed[0].split(":")[1]),
    relay: started.relay,
    admin: `http://${started.admin}`,
    stop: () => child.kill("SIGKILL"),
  };
}

/** A request; returns its status, or why there was none. */
export function send(port, path, body, { cert, headers = {} } = {}) {
  const identity = cert ? { cert: pem(`${cert}.pem`), key: pem(`${cert}.key`) } : {};
  return new Promise((done) => {
    const options = {
      host: "127.0.0.1", port, path, method: "POST", servername: "localhost", ca: pem("ca.pem"),
      agent: false, headers: { host: `localhost:${port}`, "content-length": Buffer.byteLength(body), ...headers }, ...identity,
    };
    const request = https.request(options, (response) => {
      response.resume();
      response.on("end", () => done(response.statusCode));
      response.on("error", (error) => done(error.code ?? error.message));
    });
    request.on("error", (error) => done(error.code ?? error.message));
    request.end(body);
  });
}

/** An event for the target of the relay; returns the status. */
export async function track(relay, body) {
  const headers = { authorization: `Bearer ${RELAY_TOKEN}`, "content-type": "application/json" };
  return (await fetch(`http://${relay}/track`, { method: "POST", headers, body })).status;
}

/** The headers of a request that is signed as Standard Webhooks says. */
export function signed(body, id = randomUUID(), isValid = true) {
  const secret = Buffer.from(pem("webhook-secret").toString().trim().replace(/^whsec_/, ""), "base64");
  const time = Math.floor(Date.now() / 1000);
  const signature = createHmac("sha256", secret).update(`${id}.${time}.${body}`).digest("base64");
  return {
    "webhook-id": id, "webhook-timestamp": String(time),
    "webhook-signature": `v1,${isValid ? signature : signature.replace(/^./, (c) => (c === "A" ? "B" : "A"))}`,
  };
}
