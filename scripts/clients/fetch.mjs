// Node's fetch, with undici's Agent for the certificate. Prints the status and the body, or the error with its cause.
//
// usage: fetch.mjs TLS-VERSION CA CERT-OR-EMPTY KEY-OR-EMPTY METHOD URL BODY-BYTES; UNDICI names the folder of the package
import fs from "node:fs";
import { createRequire } from "node:module";

const { Agent, fetch } = createRequire(process.env.UNDICI + "/")("undici");
const [version, ca, cert, key, method, url, length] = process.argv.slice(2);
const read = (file) => (file ? fs.readFileSync(file) : undefined);
const connect = {
  ca: read(ca), cert: read(cert), key: read(key), minVersion: `TLSv${version}`, maxVersion: `TLSv${version}`,
};
const body = method === "GET" ? undefined : Buffer.alloc(Number(length), " ");
try {
  const answer = await fetch(url, { method, body, dispatcher: new Agent({ connect }) });
  console.log("HTTP", answer.status, await answer.text());
} catch (error) {
  console.log(`${error}`);
  const { cause } = error;
  if (cause) console.log(`caused by ${cause} (code ${cause.code})`);
}
process.exit(0);
