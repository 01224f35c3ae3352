// Drives the console in Chromium (scripts/console-e2e.sh).
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import assert from "node:assert/strict";

import { API_KEY, TOKEN, eventually, fingerprint, send, signed, startClawgate, startUpstream, track, unusedPort } from "./world.mjs";

const { MODULES, CHROMIUM, SCREENSHOTS, WORK } = process.env;
const require = createRequire(`${MODULES}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const PANELS = ["refusals", "inbox", "dead", "events", "targets", "signatures", "duplicates", "expiry", "seen", "rates", "doctor"];
const started = Date.now();
const said = (text) => console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s  ${text}`);

const upstream = await startUpstream(422);
const away = await unusedPort();
const gate = await startClawgate("open", upstream, away);
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP gate.example 127.0.0.1"],
});
const closers = [gate.stop, upstream.close, () => browser.close()];

/** A page that may show no error, violate no policy, and ask no other origin. */
async function open(options = {}, origin = gate.admin) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("dialog", (dialog) => faults.push(`a dialog of the browser: ${dialog.message()}`) && dialog.dismiss());
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("data:")) faults.push(`request to ${url}`);
  });
  const close = async () => {
    await context.close();
    assert.deepEqual(faults, []);
  };
  return { page, close };
}

async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const shown = serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`);
  assert.deepEqual(shown, [], `axe-core about ${what}`);
  said(`axe-core finds nothing serious: ${what} (minor: ${violations.map(({ id }) => id).join(", ") || "nothing either"})`);
}

const text = (page, id) => page.locator(`#${id}`).innerText();
const outcome = (page) => page.locator(".outcome").innerText();

async function makeTraffic() {
  for (const cert of ["expired", "other-ca", "revoked", "markup"]) await send(gate.port, "/hooks/agent", "{}", { cert });
  await send(gate.port, "/hooks/agent", "{}");
  for (const number of [1, 2, 3, 4]) {
    assert.equal(await send(gate.port, "/hooks/agent", `{"dead":${number}}`, { cert: "client" }), 202);
  }
  assert.equal(await send(gate.port, "/hooks/away", '{"away":1}', { cert: "client-rsa" }), 202);
  upstream.status = 200;
  assert.equal(await track(gate.relay, '{"event":1}'), 200);
  upstream.status = 503;
  assert.equal(await track(gate.relay, '{"event":2}'), 503);
  upstream.status = 200;
  const body = '{"signed":1}';
  const headers = signed(body);
  assert.equal(await send(gate.signedPort, "/hooks/signed", body, { headers }), 200);
  await send(gate.signedPort, "/hooks/signed", body, { headers });
  assert.equal(await send(gate.signedPort, "/hooks/signed", body, { headers: signed(body, "other", false) }), 401);
}

async function panels() {
  const { page, close } = await open();
  await eventually("dead letters on the page", async () => {
    await page.goto(gate.admin);
    const inbox = await text(page, "inbox");
    // What is stored is counted now and then.
    return (await text(page, "dead")).includes("rejected") && inbox.includes("is paused") && inbox.includes("/hooks/away");
  });
  for (const id of PANELS) assert.ok((await text(page, id)).length > 10, `panel ${id}`);
  const has = async (id, ...parts) => {
    const found = await text(page, id);
    for (const part of parts) assert.ok(found.includes(part), `${id} has no ${part}: ${found}`);
  };
  await has("top", "No event is delivered to", "Try now");
  await page.locator("#refusals > details > summary").click();
  await has("refusals", "client_cert_expired", "client_cert_missing", "client_cert_revoked");
  assert.match(await text(page, "refusals"), /<img src\\?=x onerror\\?=alert\(1\)/);
  await has("inbox", "/hooks/agent", "/hooks/away", "next try");
  await has("signatures", "/hooks/signed", "1");
  await has("duplicates", "/hooks/signed");
  await has("expiry", "clawgate", "client CA", "CRL");
  await has("seen", "meeting-notes", "/hooks/signed", "by signature", "by certificate");
  await has("targets", "analytics", "failing", "status 200", "it answered 503", "of 60/1m", "its file was read");
  assert.ok(!(await page.content()).includes(API_KEY));
  await has("dead", "4 dead events of /hooks/agent");
  await has("rates", "The first value comes");
  assert.equal(await page.locator("img, script:not([src])").count(), 0, "markup of a certificate became an element");
  await page.fill("#q", "revoked");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=revoked/);
  assert.ok(!(await text(page, "refusals")).includes("client_cert_expired"));
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByText("Certificate and actions").first().click();
  for (const [summary, copied] of [["Rule that allows it", /^fingerprint=[0-9a-f]{64}$/], ["Request with curl", /^curl -v --cert/]]) {
    const details = page.locator("details.copy", { hasText: summary }).first();
    await details.locator("summary").click();
    await details.getByRole("button", { name: "Copy" }).click();
    await details.getByText("Copied").waitFor();
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), copied);
  }
  await close();
  said("each panel shows what has happened, and the search narrows it");
}

async function looks() {
  for (const [name, colorScheme, viewport] of [
    ["light", "light", { width: 1180, height: 760 }],
    ["dark", "dark", { width: 1180, height: 760 }],
    ["phone", "light", { width: 390, height: 844 }],
    // 1280 pixels at 200 %, and 400 %.
    ["zoom", "light", { width: 640, height: 450 }],
    ["narrow", "dark", { width: 320, height: 640 }],
  ]) {
    const { page, close } = await open({ colorScheme, viewport });
    await page.goto(gate.admin);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px too wide (${name})`);
    const path = `${["zoom", "narrow"].includes(name) ? WORK : SCREENSHOTS}/console-${name}.png`;
    await page.screenshot({ path });
    const size = statSync(path).size;
    assert.ok(size < 200 * 1024, `${path} has ${size} bytes`);
    await accessible(page, `the page, ${name}`);
    await close();
  }
}

async function actions() {
  const { page, close } = await open();
  await page.goto(gate.admin);
  upstream.received.length = 0;
  await page.locator("#dead").getByRole("button", { name: /^Replay/ }).first().click();
  assert.match(await outcome(page), /waits for its delivery again/);
  await eventually("replayed event", () => upstream.received.find(({ body }) => body.includes("dead")));
  said("a dead letter is replayed, and arrives");

  const link = page.locator("#events").getByRole("link").last();
  await link.click();
  assert.match(await page.locator(".timeline").innerText(), /received for[^]*verified by certificate[^]*stored[^]*try 1: it answered 422[^]*given up/);
  assert.ok((await page.content()).includes("admin.show_bodies"));
  await accessible(page, "the page of an event");
  await page.goto(gate.admin);

  const back = await startUpstream(200, away);
  closers.push(back.close);
  await page.locator("#inbox").getByRole("button", { name: /^Try now/ }).click();
  assert.match(await outcome(page), /is tried now/);
  await eventually("event at the resumed upstream", () => back.received.length > 0);
  said("a paused upstream is resumed");

  assert.equal(await send(gate.port, "/hooks/agent", "{}", { cert: "client-ed25519" }), 202);
  await page.goto(gate.admin);
  // With the keyboard: the dialog has the focus, and Escape closes it.
  const deny = page.locator("#seen").getByRole("button", { name: /^Deny/ }).first();
  await deny.focus();
  await page.keyboard.press("Enter");
  await page.locator("dialog[open]").waitFor();
  await accessible(page, "the dialog");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("dialog[open]").count(), 0);
  await deny.focus();
  await page.keyboard.press("Enter");
  await page.locator("#ask-yes").focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/outcome=/);
  assert.match(await outcome(page), /on the denylist/);
  assert.match(readFileSync(gate.denylist, "utf8"), /^fingerprint=[0-9a-f]{64}  # .*added with the console/m);
  const refused = await eventually("refusal of the denied client", async () => {
    await send(gate.port, "/hooks/agent", "{}", { cert: "client-ed25519" });
    return gate.event("handshake_failed", (line) => /denylist/.test(line.detail));
  });
  assert.equal(refused.reason, "client_cert_revoked");
  said("a client is put on the denylist, and refused");

  await page.getByRole("button", { name: "Run the checks" }).click();
  await page.waitForURL(/outcome=/);
  assert.match(await text(page, "doctor"), /pass/);
  await page.getByRole("button", { name: "Reload settings and files" }).click();
  assert.match(await outcome(page), /generation/);
  for (const action of ["replay", "resume_upstream", "deny", "doctor", "reload"]) {
    const line = gate.event("admin_action", (line) => line.action === action);
    assert.ok(line?.result === "done" && line.who.startsWith("127.0.0.1:"), `${action}: ${JSON.stringify(line)}`);
  }
  said("checks and reload run, and each action is in the log");

  await page.goto(gate.admin);
  await page.evaluate(() => {
    window.announced = 0;
    new MutationObserver(() => window.announced++).observe(document.getElementById("top"), { childList: true, subtree: true, characterData: true });
  });
  const count = () => page.locator("#refusals li").count();
  const before = await count();
  await send(gate.port, "/hooks/agent", "{}", { cert: "server-auth-only" });
  await eventually("refresh", async () => (await count()) > before);
  assert.equal(await page.evaluate(() => window.announced), 0, "the top line is announced again though it is the same");
  said("the page refreshes itself, and announces the top line only if it changes");
  await close();
}

async function looksOfAnEvent() {
  const { page, close } = await open({ viewport: { width: 1180, height: 640 } });
  await page.goto(gate.admin);
  await page.locator("#events").getByRole("link").last().click();
  await page.waitForURL(/events/);
  await page.screenshot({ path: `${SCREENSHOTS}/console-event.png` });
  await close();
}

async function withTheKeyboard() {
  const { page, close } = await open({ reducedMotion: "reduce" });
  await page.goto(gate.admin);
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the panels");
  assert.ok(await page.locator(".skip").evaluate((link) => link.getBoundingClientRect().left >= 0), "the focused link is visible");
  assert.notEqual(await page.locator(".skip").evaluate((link) => getComputedStyle(link).outlineStyle), "none");
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "refusals");
  // The order of the focus is the order in which the page is read.
  const tops = await page.evaluate(() => {
    const all = [...document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")];
    return all.filter((element) => element.tabIndex > 0).length;
  });
  assert.equal(tops, 0, "nothing has a place of its own in the order of the focus");
  await page.getByRole("button", { name: "Reload settings and files" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/outcome=/);
  assert.match(await focused(), /reloaded/, "the outcome has the focus");
  assert.equal(await page.locator("table").count(), await page.locator("table > caption").count());
  await close();
  said("the keyboard reaches everything, in order, and the focus can be seen");
}

async function all() {
  const { page, close } = await open();
  await page.goto(gate.admin);
  upstream.status = 422;
  const dead = async () => Number(((await text(page, "dead")).match(/(\d+) dead events? of/) ?? [0, 0])[1]);
  const listed = () => page.locator("#dead tbody tr").count();
  const count = (await listed()) + 3;
  for (const number of [5, 6, 7]) {
    assert.equal(await send(gate.port, "/hooks/agent", `{"dead":${number}}`, { cert: "client-rsa" }), 202);
  }
  await eventually("three more dead letters", async () => {
    await page.goto(gate.admin);
    // The list is new each time, and what is stored is counted now and then.
    return (await listed()) === count && (await dead()) === count;
  });
  upstream.status = 200;
  upstream.received.length = 0;
  await page.locator("#dead").getByRole("button", { name: /^Replay all/ }).click();
  assert.match(await page.locator("dialog").innerText(), new RegExp(`${count} dead events of /hooks/agent`));
  await page.locator("#ask-yes").click();
  await page.waitForURL(/outcome=/);
  assert.match(await outcome(page), new RegExp(`^${count} events of /hooks/agent wait`));
  await eventually("all of them at the upstream", () => upstream.received.length >= count);
  assert.equal(gate.log.filter((line) => line.action === "replay_all").length, 1);
  await close();
  said(`all ${count} dead letters of a route are replayed after one question`);
}

async function withoutScript() {
  const { page, close } = await open({ javaScriptEnabled: false });
  await page.goto(gate.admin);
  for (const id of PANELS) assert.ok((await text(page, id)).length > 10, `panel ${id}`);
  upstream.received.length = 0;
  await page.locator("#dead").getByRole("button", { name: /^Replay/ }).first().click();
  assert.match(await outcome(page), /waits for its delivery again/);
  await eventually("event replayed without the script", () => upstream.received.length > 0);
  await page.locator("#dead").getByRole("button", { name: /^Drop/ }).first().click();
  assert.match(await page.locator("main").innerText(), /Are you sure/);
  await page.getByRole("button", { name: /^Yes/ }).click();
  assert.match(await outcome(page), /is removed/);
  await page.locator("#dead").getByRole("button", { name: /^Forget all/ }).click();
  assert.match(await page.locator("main").innerText(), /\d+ dead events? of \/hooks\/agent/);
  await page.getByRole("button", { name: /^Yes/ }).click();
  assert.match(await outcome(page), /are forgotten/);
  // What comes later is sent with the other certificate.
  const denied = page.locator(`#seen form:has(input[value="${fingerprint("client")}"])`);
  await denied.getByRole("button", { name: /^Deny/ }).click();
  await page.getByRole("button", { name: /^Yes/ }).click();
  assert.match(await outcome(page), /on the denylist/);
  await close();
  said("all of it works without the script");
}

async function hostile() {
  const { page: own, close } = await open();
  await own.goto(gate.admin);
  const nonce = await own.locator('input[name="nonce"]').first().getAttribute("value");
  await close();
  const form = (where) => `<form method=post action="${where}/actions/reload"><input name=nonce value="${nonce}">
    <button>go</button></form>`;
  upstream.pages = { "/form": form(gate.admin) };
  const context = await browser.newContext();
  const page = await context.newPage();
  const refusals = () => gate.log.filter((line) => line.event === "admin_action" && line.result === "refused").length;
  for (const host of ["evil.example", "localhost", "127.0.0.1"]) {
    const before = refusals();
    await page.goto(`http://${host}:${upstream.port}/form`);
    const [response] = await Promise.all([page.waitForResponse(/actions/), page.click("button")]);
    assert.equal(response.status(), 403, `a form of ${host}`);
    await eventually("log line of the refusal", () => refusals() > before);
  }
  said("a form of another site is refused, even with the nonce");
  const foreign = gate.admin.replace("127.0.0.1", "evil.example");
  assert.equal((await page.goto(foreign)).status(), 403);
  said("a foreign host name is refused");
  await context.close();
}

/** To a name over plain HTTP, browsers send no Sec-Fetch-Site. */
async function overPlainHttp() {
  writeFileSync(`${WORK}/admin-token`, TOKEN);
  const gate = await startClawgate("plain", upstream, away, `token_file = "${WORK}/admin-token"`);
  closers.push(gate.stop);
  const origin = gate.admin.replace("127.0.0.1", "gate.example");
  const httpCredentials = { username: "operator", password: TOKEN };
  for (const javaScriptEnabled of [false, true]) {
    const { page } = await open({ httpCredentials, javaScriptEnabled }, origin);
    await page.goto(origin);
    const [request] = await Promise.all([
      page.waitForRequest(/actions/),
      page.getByRole("button", { name: "Reload settings and files" }).click(),
    ]);
    const sent = await request.allHeaders();
    assert.deepEqual([sent.origin, sent["sec-fetch-site"]], [origin, undefined]);
    assert.match(await outcome(page), /generation/);
    await page.context().close();
  }
  const { page } = await open({ httpCredentials, javaScriptEnabled: false }, origin);
  await page.goto(origin);
  const nonce = await page.locator('input[name="nonce"]').first().getAttribute("value");
  upstream.pages = {
    "/form": `<meta name=referrer content=no-referrer><form method=post action="${origin}/actions/reload"><input name=nonce value="${nonce}"><button>go</button></form>`,
  };
  await page.goto(`http://evil.example:${upstream.port}/form`);
  const [response] = await Promise.all([page.waitForResponse(/actions/), page.click("button")]);
  assert.equal(response.status(), 403);
  assert.match(await page.locator("main").innerText(), /SSH tunnel/);
  await page.context().close();
  said("over plain HTTP to a name, own forms work and those of other sites do not, with the script and without it");
}

async function withToken() {
  writeFileSync(`${WORK}/admin-token`, TOKEN);
  upstream.status = 422;
  const gate = await startClawgate("token", upstream, away, `token_file = "${WORK}/admin-token"\nshow_bodies = true`);
  closers.push(gate.stop);
  await send(gate.port, "/hooks/agent", '{"secret":"of the body"}', { cert: "client" });
  const stranger = await (await browser.newContext()).newPage();
  // A browser that nobody can type a password into reports an error instead of showing the answer.
  const shown = await stranger.goto(gate.admin).then((response) => response.status(), (error) => error.message);
  assert.ok(shown === 401 || /ERR_INVALID_AUTH_CREDENTIALS/.test(shown), `without a token: ${shown}`);
  const refused = await stranger.request.get(gate.admin);
  assert.equal(refused.status(), 401);
  assert.match(refused.headers()["www-authenticate"], /Basic realm="clawgate"/);
  const httpCredentials = { username: "operator", password: TOKEN };
  const { page, close } = await open({ httpCredentials }, gate.admin);
  await eventually("dead letter", async () => {
    await page.goto(gate.admin);
    return (await text(page, "dead")).includes("rejected");
  });
  await page.locator("#dead").getByRole("link").first().click();
  await page.waitForURL(/events/);
  assert.ok((await page.content()).includes("of the body"));
  await page.getByRole("button", { name: /^Replay/ }).click();
  await page.waitForURL(/outcome/);
  const line = await eventually("log line", () => gate.event("admin_action"));
  assert.match(line.who, /^token, 127\.0\.0\.1:/);
  // The first request of a browser is answered with 401, and then sent again with the password.
  await page.context().close();
  said("with a token: 401 without it, the body with it");
}

try {
  await makeTraffic();
  await panels();
  await looks();
  await looksOfAnEvent();
  await withTheKeyboard();
  await actions();
  await withoutScript();
  await all();
  await hostile();
  await overPlainHttp();
  await withToken();
  said("all checks of the console passed");
} finally {
  for (const close of closers) await close();
}
