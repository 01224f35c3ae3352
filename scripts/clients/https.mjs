// Node's module https. Prints the status and the body of the answer, or the error's code and message.
//
// usage: https.mjs TLS-VERSION CA CERT-OR-EMPTY KEY-OR-EMPTY METHOD URL BODY-BYTES
import fs from "node:fs";
import https from "node:https";
import http from "node:http";

const [version, ca, cert, key, method, url, length] = process.argv.slice(2);
const read = (file) => (file ? fs.readFileSync(file) : undefined);
const body = Buffer.alloc(Number(length), " ");
const options = {
  method, ca: read(ca), cert: read(cert), key: read(key), minVersion: `TLSv${version}`, maxVersion: `TLSv${version}`,
  headers: { "Content-Length": body.length },
};
const tell = (error) => console.log(`Error: ${error.message} (code ${error.code})`);
const { request } = url.startsWith("https:") ? https : http;
request(url, options, (answer) => {
  const pieces = [];
  answer.on("data", (piece) => pieces.push(piece));
  answer.on("error", tell);
  answer.on("end", () => {
    console.log("HTTP", answer.statusCode, Buffer.concat(pieces).toString());
    process.exit(0);
  });
}).on("error", tell).end(body);
