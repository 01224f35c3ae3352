// Signs requests with the official SDKs from npm, and asks each SDK whether a signature is valid.
//
// Reads a command a line from standard input, as JSON, and answers each with a line: see Sdks in signing.py. The folder
// with the SDKs is in the environment, in SDKS.
import crypto from "node:crypto";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const answers = process.stdout;
// Some SDKs print what they do.
console.log = console.debug = console.info = console.warn = console.error = () => {};
const require = createRequire(`${process.env.SDKS}/package.json`);

// Each makes a new key: the content of the file that clawgate reads, and what signs and verifies.
const secret = (prefix = "") => () => {
  const text = prefix + crypto.randomBytes(24).toString("base64url");
  return { file: text, secret: text };
};
const whsec = () => {
  const text = `whsec_${crypto.randomBytes(24).toString("base64")}`;
  return { file: text, secret: text };
};
const ed25519 = (encoding) => () => {
  const { publicKey, privateKey } = crypto.generateKeyPairSync("ed25519");
  // The last 32 bytes of the SubjectPublicKeyInfo are the key itself.
  const file = publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString(encoding);
  return { file, privateKey };
};
const p256 = () => {
  const { publicKey, privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { file: publicKey.export({ type: "spki", format: "der" }).toString("base64"), privateKey };
};

const hmac = (key, text, encoding = "hex", algorithm = "sha256") =>
  crypto.createHmac(algorithm, key).update(text).digest(encoding);
const sha256 = (text) => crypto.createHash("sha256").update(text).digest("hex");

// Neither its blanks nor its escapes nor `1.0` would survive if somebody read the JSON and wrote it again. The tests change
// one byte of `hello`. The id is where each of the senders has it.
const spaced = ({ id }) =>
  `{ "id": "${id}", "event_id": "${id}", "data": { "id": "${id}" }, "object": "event",\n` +
  `  "text": "hello caf\\u00e9 – 😀",  "amount": 1.0 }\n`;
// For SDKs that do just that before they verify.
const compact = (event) => JSON.stringify({ id: event.id, event: "created", payload: { text: "hello é – 😀" } });
const list = (event) => JSON.stringify([{ eventId: event.id, sg_event_id: event.id, text: "hello" }], null, 2);

const webhookHeaders = (family, event, signature) => ({
  [`${family}-id`]: event.id,
  [`${family}-timestamp`]: `${event.time}`,
  [`${family}-signature`]: signature,
});
const svixSigned = (event, body, key) => {
  const { Webhook } = require("svix");
  return new Webhook(key.secret).sign(event.id, new Date(event.time * 1000), body);
};

// `settings` is [route.verify]. `signs`: whether the SDK makes the signature; else this file does, as documented.
// `signsId`: whether the event has an id that is signed. `unsignedId` is the header of an id that is not. `sign` gives the
// headers, and `accepts` is the SDK's own check: it is false or throws if the signature is wrong. `challenge` is the request
// with which the sender tests an address, and the SDK's answer to it.
const senders = [
  {
    package: "svix",
    settings: { scheme: "svix" },
    signsId: true,
    key: whsec,
    signs: true,
    sign: ({ event, body, key }) => webhookHeaders("svix", event, svixSigned(event, body, key)),
    accepts: ({ headers, body, key }) => {
      new (require("svix").Webhook)(key.secret).verify(body, headers);
      return true;
    },
  },
  {
    package: "standardwebhooks",
    settings: { scheme: "standard-webhooks" },
    signsId: true,
    key: whsec,
    signs: true,
    sign: ({ event, body, key }) => {
      const { Webhook } = require("standardwebhooks");
      const signature = new Webhook(key.secret).sign(event.id, new Date(event.time * 1000), body);
      return webhookHeaders("webhook", event, signature);
    },
    accepts: ({ headers, body, key }) => new (require("standardwebhooks").Webhook)(key.secret).verify(body, headers),
  },
  {
    package: "fathom-typescript",
    settings: { scheme: "fathom" },
    signsId: true,
    key: whsec,
    sign: ({ event, body, key }) => webhookHeaders("webhook", event, svixSigned(event, body, key)),
    accepts: ({ headers, body, key }) => require("fathom-typescript").Fathom.verifyWebhook(key.secret, headers, body),
  },
  {
    package: "resend",
    settings: { scheme: "standard-webhooks" },
    signsId: true,
    key: whsec,
    sign: ({ event, body, key }) => webhookHeaders("svix", event, svixSigned(event, body, key)),
    accepts: ({ headers, body, key }) =>
      new (require("resend").Resend)("re_key").webhooks.verify({
        payload: body,
        headers: {
          id: headers["svix-id"],
          timestamp: headers["svix-timestamp"],
          signature: headers["svix-signature"],
        },
        webhookSecret: key.secret,
      }),
  },
  {
    package: "openai",
    settings: { scheme: "standard-webhooks" },
    signsId: true,
    key: whsec,
    sign: ({ event, body, key }) => webhookHeaders("webhook", event, svixSigned(event, body, key)),
    accepts: ({ headers, body, key }) =>
      new (require("openai").OpenAI)({ apiKey: "key" }).webhooks.unwrap(body, headers, key.secret),
  },
  {
    package: "@octokit/webhooks-methods",
    settings: { scheme: "github" },
    key: secret(),
    signs: true,
    unsignedId: "x-github-delivery",
    sign: async ({ body, key }) => ({
      "x-hub-signature-256": await (await octokit()).sign(key.secret, body),
      "x-github-event": "issues",
    }),
    accepts: async ({ headers, body, key }) =>
      (await octokit()).verify(key.secret, body, headers["x-hub-signature-256"]),
  },
  {
    package: "stripe",
    settings: { scheme: "stripe" },
    signsId: true,
    key: secret("whsec_"),
    signs: true,
    sign: ({ event, body, key }) => ({
      "stripe-signature": require("stripe").webhooks.generateTestHeaderString({
        payload: body,
        secret: key.secret,
        timestamp: event.time,
      }),
    }),
    accepts: ({ headers, body, key }) =>
      require("stripe").webhooks.constructEvent(body, headers["stripe-signature"], key.secret),
  },
  {
    package: "@slack/bolt",
    settings: { scheme: "slack" },
    signsId: true,
    key: secret(),
    challenge: {
      body: (event) => `{ "token": "t", "challenge": "${event.id}", "type": "url_verification" }`,
      answer: async ({ headers, body, key }) => {
        const { AwsLambdaReceiver } = require("@slack/bolt");
        const receiver = new AwsLambdaReceiver({ signingSecret: key.secret });
        const answer = await receiver.toHandler()({ headers, body, isBase64Encoded: false }, {});
        // Slack accepts it as JSON and as text.
        return { status: answer.statusCode, body: JSON.parse(answer.body).challenge };
      },
    },
    sign: ({ event, body, key }) => ({
      "x-slack-request-timestamp": `${event.time}`,
      "x-slack-signature": `v0=${hmac(key.secret, `v0:${event.time}:${body}`)}`,
    }),
    accepts: ({ headers, body, key }) => {
      require("@slack/bolt").verifySlackRequest({
        signingSecret: key.secret,
        body,
        headers: {
          "x-slack-signature": headers["x-slack-signature"],
          "x-slack-request-timestamp": Number(headers["x-slack-request-timestamp"]),
        },
      });
      return true;
    },
  },
  {
    package: "twilio",
    variant: "JSON",
    settings: { scheme: "twilio" },
    key: secret(),
    signs: true,
    query: ({ body }) => `bodySHA256=${require("twilio").getExpectedBodyHash(body)}`,
    sign: ({ url, key }) => ({
      "x-twilio-signature": require("twilio").getExpectedTwilioSignature(key.secret, url, {}),
    }),
    accepts: ({ url, headers, body, key }) =>
      require("twilio").validateRequestWithBody(key.secret, headers["x-twilio-signature"], url, body),
  },
  {
    package: "twilio",
    variant: "JSON, HMAC-SHA256",
    settings: { scheme: "twilio" },
    key: secret(),
    signs: true,
    query: ({ body }) => `bodySHA256=${require("twilio").getExpectedBodyHash(body)}`,
    sign: ({ url, key }) => ({
      "x-twilio-signature": require("twilio").getExpectedTwilioSignature(key.secret, url, {}, "HMAC_SHA256"),
      "x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256",
    }),
    accepts: ({ url, headers, body, key }) => {
      const { getSignatureAlgorithm, validateRequestWithBody } = require("twilio");
      const algorithm = getSignatureAlgorithm(headers["x-twilio-webhooks-signature-settings"]);
      return validateRequestWithBody(key.secret, headers["x-twilio-signature"], url, body, algorithm);
    },
  },
  {
    package: "twilio",
    variant: "form",
    settings: { scheme: "twilio" },
    key: secret(),
    signs: true,
    // OpenClaw reads JSON only.
    upstream: "echo:",
    contentType: "application/x-www-form-urlencoded",
    body: (event) => `MessageSid=${event.id}&From=%2B14158675309&Body=hello+caf%C3%A9+%26+more&NumMedia=0`,
    sign: ({ url, body, key }) => ({
      "x-twilio-signature": require("twilio").getExpectedTwilioSignature(key.secret, url, parameters(body)),
    }),
    accepts: ({ url, headers, body, key }) =>
      require("twilio").validateRequest(key.secret, headers["x-twilio-signature"], url, parameters(body)),
  },
  {
    package: "@sendgrid/eventwebhook",
    settings: { scheme: "sendgrid" },
    key: p256,
    body: list,
    sign: ({ event, body, key }) => ({
      "x-twilio-email-event-webhook-signature": crypto
        .sign("sha256", Buffer.from(event.time + body), key.privateKey)
        .toString("base64"),
      "x-twilio-email-event-webhook-timestamp": `${event.time}`,
    }),
    accepts: ({ headers, body, key }) => {
      const webhook = new (require("@sendgrid/eventwebhook").EventWebhook)();
      return webhook.verifySignature(
        webhook.convertPublicKeyToECDSA(key.file),
        body,
        headers["x-twilio-email-event-webhook-signature"],
        headers["x-twilio-email-event-webhook-timestamp"],
      );
    },
  },
  {
    package: "square",
    settings: { scheme: "square" },
    signsId: true,
    key: secret(),
    query: () => "location=L%201",
    sign: ({ url, body, key }) => ({ "x-square-hmacsha256-signature": hmac(key.secret, url + body, "base64") }),
    accepts: ({ url, headers, body, key }) =>
      require("square").WebhooksHelper.verifySignature({
        requestBody: body,
        signatureHeader: headers["x-square-hmacsha256-signature"],
        signatureKey: key.secret,
        notificationUrl: url,
      }),
  },
  {
    package: "@shopify/shopify-api",
    settings: { scheme: "shopify" },
    key: secret(),
    unsignedId: "x-shopify-webhook-id",
    sign: ({ event, body, key }) => ({
      "x-shopify-hmac-sha256": hmac(key.secret, body, "base64"),
      "x-shopify-topic": "orders/create",
      "x-shopify-shop-domain": "example.myshopify.com",
      "x-shopify-api-version": "2026-10",
    }),
    accepts: async ({ headers, body, key }) => {
      require("@shopify/shopify-api/adapters/node");
      const { shopifyApi } = require("@shopify/shopify-api");
      const shopify = shopifyApi({
        apiKey: "key",
        apiSecretKey: key.secret,
        apiVersion: "2026-10",
        hostName: "localhost",
        isEmbeddedApp: false,
        logger: { log: () => {} },
      });
      const rawRequest = { headers: { ...headers, "x-shopify-webhook-id": "1" } };
      return (await shopify.webhooks.validate({ rawBody: body, rawRequest, rawResponse: {} })).valid;
    },
  },
  {
    package: "@linear/sdk",
    settings: { scheme: "linear" },
    key: secret(),
    unsignedId: "linear-delivery",
    body: ({ id, time }) =>
      `{ "action": "create", "text": "hello",\n  "webhookTimestamp": ${time * 1000}, "webhookId": "${id}" }`,
    sign: ({ body, key }) => ({ "linear-signature": hmac(key.secret, body), "linear-event": "Issue" }),
    accepts: ({ headers, body, key }) => {
      const { LinearWebhookClient } = require("@linear/sdk/webhooks");
      return new LinearWebhookClient(key.secret).verify(Buffer.from(body), headers["linear-signature"]);
    },
  },
  {
    package: "@notionhq/client",
    settings: { scheme: "notion" },
    signsId: true,
    key: secret("secret_"),
    signs: true,
    sign: async ({ body, key }) => ({
      "x-notion-signature": await require("@notionhq/client").signWebhookPayload({ body, verificationToken: key.secret }),
    }),
    accepts: ({ headers, body, key }) =>
      require("@notionhq/client").verifyWebhookSignature({
        body,
        signature: headers["x-notion-signature"],
        verificationToken: key.secret,
      }),
  },
  {
    package: "@paddle/paddle-node-sdk",
    settings: { scheme: "paddle" },
    signsId: true,
    key: secret("pdl_ntfset_"),
    sign: ({ event, body, key }) => ({
      "paddle-signature": `ts=${event.time};h1=${hmac(key.secret, `${event.time}:${body}`)}`,
    }),
    accepts: ({ headers, body, key }) => {
      const { Paddle } = require("@paddle/paddle-node-sdk");
      return new Paddle("key").webhooks.isSignatureValid(body, key.secret, headers["paddle-signature"]);
    },
  },
  {
    package: "box-node-sdk",
    settings: { scheme: "box" },
    signsId: true,
    key: secret(),
    // A new one with each try.
    unsignedId: "box-delivery-id",
    sign: ({ event, body, key }) => {
      const time = new Date(event.time * 1000).toISOString().replace(".000Z", "+00:00");
      return {
        "box-signature-version": "1",
        "box-signature-algorithm": "HmacSHA256",
        "box-delivery-timestamp": time,
        "box-signature-primary": hmac(key.secret, body + time, "base64"),
        "box-signature-secondary": hmac("another key", body + time, "base64"),
      };
    },
    accepts: ({ headers, body, key }) =>
      require("box-node-sdk/managers/webhooks").WebhooksManager.validateMessage(body, headers, key.secret),
  },
  {
    package: "discord-interactions",
    settings: { scheme: "discord" },
    key: ed25519("hex"),
    challenge: {
      body: (event) => `{ "id": "${event.id}", "type": 1, "version": 1 }`,
      answer: async ({ headers, body, key }) => {
        const request = { header: (name) => headers[name.toLowerCase()], body };
        const answer = { statusCode: 200, setHeader: () => {}, end: (text) => (answer.body = text) };
        await require("discord-interactions").verifyKeyMiddleware(key.file)(request, answer, () => {});
        return { status: answer.statusCode, body: answer.body };
      },
    },
    body: (event) => `{ "id": "${event.id}", "type": 2, "data": { "name": "hello" } }`,
    sign: ({ event, body, key }) => ({
      "x-signature-timestamp": `${event.time}`,
      "x-signature-ed25519": crypto.sign(null, Buffer.from(event.time + body), key.privateKey).toString("hex"),
    }),
    accepts: ({ headers, body, key }) =>
      require("discord-interactions").verifyKey(
        body,
        headers["x-signature-ed25519"],
        headers["x-signature-timestamp"],
        key.file,
      ),
  },
  {
    package: "telnyx",
    settings: { scheme: "telnyx" },
    signsId: true,
    key: ed25519("base64"),
    sign: ({ event, body, key }) => ({
      "telnyx-timestamp": `${event.time}`,
      "telnyx-signature-ed25519": crypto.sign(null, Buffer.from(`${event.time}|${body}`), key.privateKey).toString("base64"),
    }),
    accepts: ({ headers, body, key }) => {
      const { Telnyx } = require("telnyx");
      return new Telnyx({ apiKey: "key", publicKey: key.file }).webhooks.unwrap(body, { headers });
    },
  },
  {
    package: "@hubspot/api-client",
    settings: { scheme: "hubspot" },
    key: secret(),
    signs: true,
    query: () => "team=a%40b&n=1",
    body: list,
    sign: ({ event, url, body, key }) => {
      const timestamp = event.time * 1000;
      const options = { clientSecret: key.secret, requestBody: body, url, timestamp };
      return {
        "x-hubspot-request-timestamp": `${timestamp}`,
        "x-hubspot-signature-v3": require("@hubspot/api-client").Signature.getSignature("POST", "v3", options),
      };
    },
    accepts: ({ url, headers, body, key }) =>
      require("@hubspot/api-client").Signature.isValid({
        method: "POST",
        signatureVersion: "v3",
        clientSecret: key.secret,
        requestBody: body,
        url,
        timestamp: Number(headers["x-hubspot-request-timestamp"]),
        signature: headers["x-hubspot-signature-v3"],
      }),
  },
  {
    package: "@team-plain/typescript-sdk",
    settings: { scheme: "plain" },
    signsId: true,
    key: secret(),
    body: plainEvent,
    sign: ({ body, key }) => ({ "plain-request-signature": hmac(key.secret, body) }),
    accepts: ({ headers, body, key }) => {
      const { verifyPlainWebhook } = require("@team-plain/typescript-sdk");
      return !verifyPlainWebhook(body, headers["plain-request-signature"], key.secret).error;
    },
  },
  {
    package: "@zoom/rivet",
    settings: { scheme: "zoom" },
    key: secret(),
    body: compact,
    challenge: {
      body: (event) => JSON.stringify({ payload: { plainToken: event.id }, event: "endpoint.url_validation" }),
      answer: zoomAnswer,
    },
    sign: ({ event, body, key }) => ({
      "x-zm-request-timestamp": `${event.time}`,
      "x-zm-signature": `v0=${hmac(key.secret, `v0:${event.time}:${body}`)}`,
    }),
    accepts: async (request) => (await zoomAnswer(request)).status === 200,
  },
  {
    package: "@mux/mux-node",
    settings: {
      scheme: "hmac",
      signature: "header:mux-signature",
      separator: ",",
      field: "v1",
      timestamp: "field:t",
      signed: "{timestamp}.{body}",
    },
    key: secret(),
    sign: ({ event, body, key }) => ({
      "mux-signature": `t=${event.time},v1=${hmac(key.secret, `${event.time}.${body}`)}`,
    }),
    accepts: ({ headers, body, key }) => {
      const { Mux } = require("@mux/mux-node");
      return new Mux({ tokenId: "id", tokenSecret: "secret" }).webhooks.unwrap(body, headers, key.secret);
    },
  },
  {
    package: "@workos-inc/node",
    settings: {
      scheme: "hmac",
      signature: "header:workos-signature",
      separator: ",",
      field: "v1",
      timestamp: "field:t",
      timestamp_unit: "ms",
      signed: "{timestamp}.{body}",
    },
    key: secret(),
    signs: true,
    body: compact,
    sign: async ({ event, body, key }) => {
      const time = event.time * 1000;
      return { "workos-signature": `t=${time}, v1=${await workos().computeSignature(time, JSON.parse(body), key.secret)}` };
    },
    accepts: ({ headers, body, key }) =>
      workos().verifyHeader({
        payload: JSON.parse(body),
        sigHeader: headers["workos-signature"],
        secret: key.secret,
      }),
  },
  {
    package: "retell-sdk",
    settings: {
      scheme: "hmac",
      signature: "header:x-retell-signature",
      separator: ",",
      field: "d",
      timestamp: "field:v",
      timestamp_unit: "ms",
      signed: "{body}{timestamp}",
    },
    key: secret("key_"),
    signs: true,
    sign: async ({ event, body, key }) => ({
      "x-retell-signature": await require("retell-sdk/lib/webhook_auth").symmetric.sign(body, key.secret, event.time * 1000),
    }),
    accepts: ({ headers, body, key }) => require("retell-sdk").verify(body, key.secret, headers["x-retell-signature"]),
  },
  {
    package: "webflow-api",
    settings: {
      scheme: "hmac",
      signature: "header:x-webflow-signature",
      timestamp: "header:x-webflow-timestamp",
      timestamp_unit: "ms",
      signed: "{timestamp}:{body}",
    },
    key: secret(),
    sign: ({ event, body, key }) => ({
      "x-webflow-timestamp": `${event.time * 1000}`,
      "x-webflow-signature": hmac(key.secret, `${event.time * 1000}:${body}`),
    }),
    accepts: ({ headers, body, key }) => {
      const { WebflowClient } = require("webflow-api");
      return new WebflowClient({ accessToken: "key" }).webhooks.verifySignature({ headers, body, secret: key.secret });
    },
  },
  {
    package: "@line/bot-sdk",
    settings: { scheme: "hmac", signature: "header:x-line-signature", encoding: "base64" },
    key: secret(),
    sign: ({ body, key }) => ({ "x-line-signature": hmac(key.secret, body, "base64") }),
    accepts: ({ headers, body, key }) =>
      require("@line/bot-sdk").validateSignature(body, key.secret, headers["x-line-signature"]),
  },
  {
    package: "razorpay",
    settings: { scheme: "hmac", signature: "header:x-razorpay-signature" },
    key: secret(),
    unsignedId: "x-razorpay-event-id",
    sign: ({ body, key }) => ({ "x-razorpay-signature": hmac(key.secret, body) }),
    accepts: ({ headers, body, key }) =>
      require("razorpay").validateWebhookSignature(body, headers["x-razorpay-signature"], key.secret),
  },
  {
    package: "gocardless-nodejs",
    settings: { scheme: "hmac", signature: "header:webhook-signature" },
    key: secret(),
    sign: ({ body, key }) => ({ "webhook-signature": hmac(key.secret, body) }),
    accepts: ({ headers, body, key }) => {
      require("gocardless-nodejs").verifySignature(body, key.secret, headers["webhook-signature"]);
      return true;
    },
  },
];

// It is an ES module without an entry for require.
function octokit() {
  return import(`${process.env.SDKS}/node_modules/@octokit/webhooks-methods/dist-node/index.js`);
}

async function zoomAnswer({ headers, body, key }) {
  const { AwsLambdaReceiver } = require("@zoom/rivet/meetings");
  const receiver = new AwsLambdaReceiver({ webhooksSecretToken: key.secret });
  const answer = await receiver.start()({ headers, body, isBase64Encoded: false }, {});
  return { status: answer.statusCode, body: answer.body };
}

function workos() {
  return new (require("@workos-inc/node").WorkOS)("key").webhooks;
}

function parameters(form) {
  return Object.fromEntries(new URLSearchParams(form));
}

// The SDK compares it with a schema.
function plainEvent(event) {
  const time = new Date(event.time * 1000).toISOString();
  const id = (prefix) => `${prefix}_01JD0000000000000000000000`;
  const actor = { actorType: "system", system: id("system") };
  return JSON.stringify({
    id: `pEv_${sha256(event.id).slice(0, 26).toUpperCase()}`,
    timestamp: time,
    workspaceId: id("w"),
    type: "customer.customer_deleted",
    payload: {
      eventType: "customer.customer_deleted",
      previousCustomer: {
        id: id("c"),
        email: { email: "ada@example.org", isVerified: true, verifiedAt: null },
        externalId: null,
        fullName: "hello",
        shortName: null,
        customerGroupMemberships: [],
        createdAt: time,
        createdBy: actor,
        updatedAt: time,
        updatedBy: actor,
      },
    },
    webhookMetadata: {
      webhookTargetId: id("whTarget"),
      webhookTargetVersion: "2026-02-27",
      webhookDeliveryAttemptId: id("whAttempt"),
      webhookDeliveryAttemptNumber: 1,
      webhookDeliveryAttemptTimestamp: time,
    },
  }, null, 2);
}

const keys = new Map();
const keyOf = (index, name) => {
  const id = `${index} ${name}`;
  if (!keys.has(id)) keys.set(id, senders[index].key());
  return keys.get(id);
};

const commands = {
  list: () => {
    const { dependencies } = require("./package.json");
    return senders.map((sender, index) => ({
      package: sender.package,
      variant: sender.variant ?? null,
      version: dependencies[sender.package],
      settings: sender.settings,
      signs: sender.signs ?? false,
      signs_id: sender.signsId ?? false,
      unsigned_id: sender.unsignedId ?? null,
      upstream: sender.upstream ?? null,
      has_challenge: sender.challenge !== undefined,
      public: keyOf(index, "current").privateKey !== undefined,
      files: ["current", "next"].map((name) => keyOf(index, name).file),
    }));
  },
  sign: async ({ sender: index, event, key: name, url: base, is_challenge }) => {
    const sender = senders[index];
    const key = keyOf(index, name);
    const body = ((is_challenge ? sender.challenge.body : sender.body) ?? spaced)(event);
    const url = sender.query ? `${base}?${sender.query({ body })}` : base;
    return {
      url,
      body,
      unsigned_body: body,
      type: sender.contentType ?? "application/json",
      headers: await sender.sign({ event, url, body, key }),
    };
  },
  accepts: async ({ sender: index, key: name, url, headers, body }) => {
    try {
      return [Boolean(await senders[index].accepts({ url, headers, body, key: keyOf(index, name) })), ""];
    } catch (error) {
      return [false, `${error}`];
    }
  },
  answer: ({ sender: index, key: name, url, headers, body }) =>
    senders[index].challenge.answer({ url, headers, body, key: keyOf(index, name) }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = { ok: await commands[command.do](command) };
  } catch (error) {
    answer = { error: error.stack };
  }
  answers.write(`${JSON.stringify(answer)}\n`);
}
