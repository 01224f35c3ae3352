//! What people read on the page, as text with its elements.

use std::time::{Duration, SystemTime};

use clawgate::console::data::{ConsoleData, Refusal, Shown};
use clawgate::console::{Action, confirm_page, event_page, page};
use clawgate::dispatch::{Instance, Pause, UpstreamState};
use clawgate::inbox::{Attempt, EventDetail};
use clawgate::relay::credentials::CredentialState;
use clawgate::relay::state::{RateState, TargetQuota, TargetState, TargetTry};

use super::console_data::large;
use super::panel;

/// In seconds since 1970, as `large` has it.
const NOW: u64 = 1_800_000_000;

/// The time so many seconds ago.
fn ago(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW - seconds)
}

/// As much as fits on half a page.
fn small() -> ConsoleData {
    let mut data = large("CN=a");
    data.refusals.truncate(0);
    data.signature_refusals.clear();
    data.expiring.clear();
    let inbox = data.inbox.as_mut().unwrap();
    inbox.routes[0].dead = 1;
    inbox.dead.truncate(1);
    inbox.latest.truncate(1);
    data
}

/// The same without a dead letter.
fn small_and_well() -> ConsoleData {
    let mut data = small();
    let inbox = data.inbox.as_mut().unwrap();
    inbox.dead.clear();
    inbox.routes[0].dead = 0;
    data
}

/// HTML with a line for each element, so that a change can be read.
fn lines(html: &str) -> String {
    let mut text = String::new();
    for part in html.split_inclusive('>') {
        let tag = part.rsplit_once('<').map_or("", |(_, tag)| tag);
        let inline = ["a", "/a", "code", "/code", "time", "/time", "strong", "/strong", "span", "/span"];
        let name = tag.split([' ', '>']).next().unwrap_or_default();
        let is_block_end = tag.starts_with('/') && !inline.contains(&name);
        text.push_str(part);
        if is_block_end
            || ["input", "ul>", "ol>", "dl>", "table>", "tbody>", "tr>", "thead>"]
                .iter()
                .any(|start| tag.starts_with(start))
        {
            text.push('\n');
        }
    }
    text
}

fn shown(data: &ConsoleData, id: &str) -> String {
    lines(&panel(&page(data), id))
}

fn head(data: &ConsoleData) -> String {
    let page = page(data);
    let (_, rest) = page.split_once("<header").unwrap();
    lines(rest.split_once("</header>").unwrap().0)
}

fn refusal() -> Refusal {
    Refusal {
        at: Some(ago(90)),
        reason: "client_cert_expired".to_owned(),
        detail: "CN=notes <b>& sons</b> expired 24 hours ago".to_owned(),
        hint: "renew the client's certificate".to_owned(),
        peer: "192.0.2.7:4711".to_owned(),
        certificate: Some(Shown {
            subject: "CN=notes <b>& sons</b>".to_owned(),
            issuer: "CN=Test Root".to_owned(),
            fingerprint: "ab".repeat(32),
            not_after: "2027-01-14T08:00:00Z".to_owned(),
            san: vec!["dns:notes.example".to_owned()],
        }),
        admitted_before: true,
    }
}

fn target() -> TargetState {
    let seen = |seconds, status, detail: Option<&str>| {
        Some(TargetTry { at: ago(seconds), status, detail: detail.map(str::to_owned) })
    };
    TargetState {
        name: "analytics".into(),
        server: "https://api.example".to_owned(),
        delivery: "queue",
        auth: "client credentials of claw".to_owned(),
        credential: CredentialState::Token {
            renewed: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW + 2880)),
            ends: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW + 3600)),
            failure: None,
        },
        last_success: seen(180, Some(200), None),
        last_failure: seen(60, Some(503), Some("it answered 503 Service Unavailable")),
        rate: Some(RateState { rate: "60/1m".to_owned(), left: 0, next: Some(ago(0)) }),
        quota: Some(TargetQuota { remaining: 12, at: ago(60), reset: None }),
        paused_until: None,
    }
}

#[test]
fn the_top_line_if_all_is_well() {
    insta::assert_snapshot!(head(&small_and_well()), @r#"
     class="top well"><h1>clawgate</h1>
    <div id="top" role="status"><p class="state">all well</p>
    </div>
    <p id="since" class="facts"></p>
    "#);
}

#[test]
fn the_inbox_says_which_other_instance_delivers() {
    let mut data = small_and_well();
    let inbox = data.inbox.as_mut().unwrap();
    inbox.delivering = false;
    inbox.deliverer = Some(Instance { host: "claw-2".to_owned(), pid: 7 });

    let text = shown(&data, "inbox");

    assert!(
        text.contains(
            "<p>This process stores events. <strong>claw-2 (process 7)</strong> delivers them."
        ),
        "{text}"
    );
}

#[test]
fn the_inbox_says_that_no_instance_is_known_to_deliver() {
    let mut data = small_and_well();
    data.inbox.as_mut().unwrap().delivering = false;

    let text = shown(&data, "inbox");

    assert!(
        text.contains("Another one that uses the same inbox delivers them, but none has said so."),
        "{text}"
    );
}

#[test]
fn the_top_line_with_one_thing_to_do() {
    let mut data = small_and_well();
    let (since, until) = (ago(240), SystemTime::UNIX_EPOCH + Duration::from_secs(NOW + 30));
    let pause = Pause { detail: "it refuses connections".to_owned(), since, until };
    let upstream =
        UpstreamState { upstream: "http://127.0.0.1:18789".into(), paused: Some(pause), routes: vec![] };
    data.inbox.as_mut().unwrap().upstreams.push(upstream);

    insta::assert_snapshot!(head(&data), @r##"
     class="top fault"><h1>clawgate</h1>
    <div id="top" role="status"><p class="state">No event is delivered to http://127.0.0.1:18789: it refuses connections</p>
    <p class="todo">Start it, then choose “Try now”. <a href="#inbox">See the panel</a></p>
    </div>
    <p id="since" class="facts">Since <time datetime="2027-01-15T07:56:00.000Z" title="2027-01-15T07:56:00.000Z">4 minutes ago</time></p>
    "##);
    insta::assert_snapshot!(shown(&data, "inbox"), @r#"
     aria-labelledby="inbox-h" tabindex="-1"><h2 id="inbox-h">Inbox</h2>
    <div class="paused"><p><strong>http://127.0.0.1:18789</strong> is paused: it refuses connections.</p>
    <p class="facts">Since <time datetime="2027-01-15T07:56:00.000Z" title="2027-01-15T07:56:00.000Z">4 minutes ago</time>, next try <time datetime="2027-01-15T08:00:30.000Z" title="2027-01-15T08:00:30.000Z">in 30 seconds</time></p>
    <form class="act" method="post" action="/actions/resume_upstream"><input type="hidden" name="nonce" value="00000000000000000000000000000000">
    <input type="hidden" name="target" value="http://127.0.0.1:18789">
    <button type="submit" aria-label="Try now http://127.0.0.1:18789">Try now</button>
    </form>
    </div>
    <div class="scroll cards" tabindex="0" role="region" aria-label="Events in the inbox, table"><table>
    <caption class="unseen">Events in the inbox</caption>
    <thead>
    <tr>
    <th scope="col">Route</th>
    <th scope="col">Waiting</th>
    <th scope="col">Oldest</th>
    <th scope="col">Delivered</th>
    <th scope="col">Dead</th>
    <th scope="col">State</th>
    </tr>
    </thead>
    <tbody>
    <tr>
    <th scope="row">/hooks/agent</th>
    <td data-head="Waiting">0</td>
    <td data-head="Oldest">–</td>
    <td data-head="Delivered">0</td>
    <td data-head="Dead">0</td>
    <td></td>
    </tr>
    </tbody>
    </table>
    </div>
    "#);
}

#[test]
fn refused_clients() {
    let mut data = small();
    data.refusals = vec![refusal(), refusal()];

    insta::assert_snapshot!(shown(&data, "refusals"), @r#"
     aria-labelledby="refusals-h" tabindex="-1"><h2 id="refusals-h">Refused clients</h2>
    <ul class="groups"><li><h3>CN=notes &lt;b&gt;&amp; sons&lt;/b&gt;</h3>
    <p class="facts"><code>client_cert_expired</code> <time datetime="2027-01-15T07:58:30.000Z" title="2027-01-15T07:58:30.000Z">90 seconds ago</time> from 192.0.2.7:4711, logged 2 times, <strong>was admitted before</strong></p>
    <p>CN=notes &lt;b&gt;&amp; sons&lt;/b&gt; expired 24 hours ago</p>
    <p class="hint">renew the client's certificate</p>
    <details><summary>Certificate and actions</summary>
    <dl>
    <dt>Subject</dt>
    <dd>CN=notes &lt;b&gt;&amp; sons&lt;/b&gt;</dd>
    <dt>Issuer</dt>
    <dd>CN=Test Root</dd>
    <dt>Valid until</dt>
    <dd>2027-01-14T08:00:00Z</dd>
    <dt>Names</dt>
    <dd>dns:notes.example </dd>
    <dt>SHA-256</dt>
    <dd><code>abababababababababababababababababababababababababababababababab</code></dd>
    </dl>
    <details class="copy"><summary>Rule that allows it</summary>
    <pre tabindex="0" aria-label="Rule that allows it"><code>fingerprint=abababababababababababababababababababababababababababababababab</code></pre>
    </details>
    <details class="copy"><summary>Request with curl</summary>
    <pre tabindex="0" aria-label="Request with curl"><code>curl -v --cert client.pem --key client.key https://gate.example:8443/hooks/</code></pre>
    </details>
    <form class="act" method="post" action="/confirm" data-question="Add this certificate to the denylist? clawgate refuses it from then on, also on open connections. Only a change of the file ends that." data-post="/actions/deny" data-label="Deny"><input type="hidden" name="nonce" value="00000000000000000000000000000000">
    <input type="hidden" name="action" value="deny">
    <input type="hidden" name="target" value="abababababababababababababababababababababababababababababababab">
    <button type="submit" class="danger" aria-label="Deny CN=notes &lt;b&gt;&amp; sons&lt;/b&gt;">Deny…</button>
    </form>
    </details>
    </li>
    </ul>
    "#);
}

#[test]
fn dead_letters() {
    insta::assert_snapshot!(shown(&small(), "dead"), @r#"
     aria-labelledby="dead-h" tabindex="-1"><h2 id="dead-h">Dead letters</h2>
    <div class="scroll cards" tabindex="0" role="region" aria-label="Dead letters, table"><table>
    <caption class="unseen">Dead letters</caption>
    <thead>
    <tr>
    <th scope="col">Event and route</th>
    <th scope="col">Received</th>
    <th scope="col">Reason</th>
    <th scope="col">Actions</th>
    </tr>
    </thead>
    <tbody>
    <tr>
    <th scope="row"><a href="/events/01a3185c-5000-7000-8000-000000000000" title="01a3185c-5000-7000-8000-000000000000"><code>000000000000</code></a> <span class="facts">/hooks/agent</span></th>
    <td><time datetime="2027-01-15T07:59:00.000Z" title="2027-01-15T07:59:00.000Z">60 seconds ago</time></td>
    <td><code>too_many_attempts</code> <span class="facts">8 tries</span></td>
    <td class="actions"><form class="act" method="post" action="/actions/replay"><input type="hidden" name="nonce" value="00000000000000000000000000000000">
    <input type="hidden" name="target" value="01a3185c-5000-7000-8000-000000000000">
    <button type="submit" aria-label="Replay 01a3185c-5000-7000-8000-000000000000">Replay</button>
    </form>
    <form class="act" method="post" action="/confirm" data-question="Remove this event? It is not delivered. If its sender repeats it, it is a duplicate." data-post="/actions/drop" data-label="Drop"><input type="hidden" name="nonce" value="00000000000000000000000000000000">
    <input type="hidden" name="action" value="drop">
    <input type="hidden" name="target" value="01a3185c-5000-7000-8000-000000000000">
    <button type="submit" class="danger" aria-label="Drop 01a3185c-5000-7000-8000-000000000000">Drop…</button>
    </form>
    <form class="act" method="post" action="/confirm" data-question="Forget this event? It is not delivered. If its sender repeats it, it is a new event." data-post="/actions/forget" data-label="Forget"><input type="hidden" name="nonce" value="00000000000000000000000000000000">
    <input type="hidden" name="action" value="forget">
    <input type="hidden" name="target" value="01a3185c-5000-7000-8000-000000000000">
    <button type="submit" class="danger" aria-label="Forget 01a3185c-5000-7000-8000-000000000000">Forget…</button>
    </form>
    </td>
    </tr>
    </tbody>
    </table>
    </div>
    <p class="all"><span>1 dead event of /hooks/agent:</span> <form class="act" method="post" action="/confirm" data-question="Let all of them wait for their delivery again? Correct first what made them fail." data-post="/actions/replay_all" data-label="Replay all"><input type="hidden" name="nonce" value="00000000000000000000000000000000">
    <input type="hidden" name="action" value="replay_all">
    <input type="hidden" name="target" value="/hooks/agent">
    <button type="submit" class="danger" aria-label="Replay all 1 dead event of /hooks/agent">Replay all…</button>
    </form>
    <form class="act" method="post" action="/confirm" data-question="Remove all of them? They are not delivered. If a sender repeats one, it is a duplicate." data-post="/actions/drop_all" data-label="Drop all"><input type="hidden" name="nonce" value="00000000000000000000000000000000">
    <input type="hidden" name="action" value="drop_all">
    <input type="hidden" name="target" value="/hooks/agent">
    <button type="submit" class="danger" aria-label="Drop all 1 dead event of /hooks/agent">Drop all…</button>
    </form>
    <form class="act" method="post" action="/confirm" data-question="Forget all of them? They are not delivered. If a sender repeats one, it is a new event." data-post="/actions/forget_all" data-label="Forget all"><input type="hidden" name="nonce" value="00000000000000000000000000000000">
    <input type="hidden" name="action" value="forget_all">
    <input type="hidden" name="target" value="/hooks/agent">
    <button type="submit" class="danger" aria-label="Forget all 1 dead event of /hooks/agent">Forget all…</button>
    </form>
    </p>
    "#);
}

#[test]
fn relay_targets() {
    let mut data = small();
    data.targets.push(target());

    insta::assert_snapshot!(shown(&data, "targets"), @r#"
     aria-labelledby="targets-h" tabindex="-1"><h2 id="targets-h">Relay targets</h2>
    <ul class="groups"><li><h3>analytics <span class="mark fault">failing</span></h3>
    <p class="facts">https://api.example, client credentials of claw</p>
    <dl>
    <dt>Last success</dt>
    <dd><time datetime="2027-01-15T07:57:00.000Z" title="2027-01-15T07:57:00.000Z">3 minutes ago</time>: status 200</dd>
    <dt>Last failure</dt>
    <dd><time datetime="2027-01-15T07:59:00.000Z" title="2027-01-15T07:59:00.000Z">60 seconds ago</time>: it answered 503 Service Unavailable</dd>
    <dt>Left of <code>rate</code></dt>
    <dd>0 at once, of 60/1m; the next one <time datetime="2027-01-15T08:00:00.000Z" title="2027-01-15T08:00:00.000Z">now</time></dd>
    <dt>Its own limit</dt>
    <dd>12 left, as it said <time datetime="2027-01-15T07:59:00.000Z" title="2027-01-15T07:59:00.000Z">60 seconds ago</time></dd>
    <dt>Credential</dt>
    <dd>a token that ends <time datetime="2027-01-15T09:00:00.000Z" title="2027-01-15T09:00:00.000Z">in 60 minutes</time>, to be renewed <time datetime="2027-01-15T08:48:00.000Z" title="2027-01-15T08:48:00.000Z">in 48 minutes</time></dd>
    <dt>Events</dt>
    <dd>none stored</dd>
    </dl>
    </li>
    </ul>
    "#);
}

#[test]
fn the_timeline_of_an_event() {
    let mut summary = small().inbox.unwrap().dead.remove(0);
    summary.principal = "certificate:spiffe://example.org/notes".to_owned();
    summary.received = ago(3600);
    summary.ended = Some(ago(1700));
    summary.tries = 2;
    let attempt = |seconds, status, error: &str, answer: Option<&str>| Attempt {
        at: ago(seconds),
        took: Duration::from_millis(12),
        status,
        error: Some(error.to_owned()),
        answer: answer.map(str::to_owned),
    };
    let attempts = vec![
        attempt(3600, None, "it cannot be connected to: Connection refused", None),
        attempt(1700, Some(422), "it answered 422", Some("no <script>here</script>")),
    ];
    let event = EventDetail { summary, idempotency_key: "cg-1".to_owned(), attempts, request: None };

    let page = event_page(&event, false, "nonce", ago(0));

    let (_, timeline) = page.split_once("<h2>Timeline</h2>").unwrap();
    insta::assert_snapshot!(lines(timeline.split_once("<h2>").unwrap().0), @r#"
    <p class="facts">Received <time datetime="2027-01-15T07:00:00.000Z" title="2027-01-15T07:00:00.000Z">60 minutes ago</time>. Times are UTC, and counted from the arrival.</p>
    <ol class="timeline"><li><time datetime="2027-01-15T07:00:00.000Z" title="2027-01-15T07:00:00.000Z">07:00:00.000 <span class="after">+0</span></time><span>received for <code>/hooks/agent</code></span></li>
    <li><time datetime="2027-01-15T07:00:00.000Z" title="2027-01-15T07:00:00.000Z">07:00:00.000 <span class="after">+0</span></time><span>verified by certificate spiffe://example.org/notes</span></li>
    <li><time datetime="2027-01-15T07:00:00.000Z" title="2027-01-15T07:00:00.000Z">07:00:00.000 <span class="after">+0</span></time><span>stored, before the sender got its answer</span></li>
    <li><time datetime="2027-01-15T07:00:00.000Z" title="2027-01-15T07:00:00.000Z">07:00:00.000 <span class="after">+0</span></time><span>try 1: it cannot be connected to: Connection refused, after 12 ms</span></li>
    <li><time datetime="2027-01-15T07:31:40.000Z" title="2027-01-15T07:31:40.000Z">07:31:40.000 <span class="after">+31 minutes</span></time><span>try 2: it answered 422, after 12 ms<pre tabindex="0" aria-label="Answer">no &lt;script&gt;here&lt;/script&gt;</pre>
    </span></li>
    <li class="fault"><time datetime="2027-01-15T07:31:40.000Z" title="2027-01-15T07:31:40.000Z">07:31:40.000 <span class="after">+31 minutes</span></time><span>given up: <code>too_many_attempts</code></span></li>
    </ol>
    "#);
}

#[test]
fn a_question_before_an_action() {
    let page = confirm_page(Action::ForgetAll, "/hooks/agent", "3 dead events of /hooks/agent", "nonce");

    let page = page.unwrap();
    let (_, main) = page.split_once("<main").unwrap();
    insta::assert_snapshot!(lines(main), @r#"
     class="narrow"><h2>Are you sure?</h2>
    <p>Forget all of them? They are not delivered. If a sender repeats one, it is a new event.</p>
    <p><code>3 dead events of /hooks/agent</code></p>
    <form class="act" method="post" action="/actions/forget_all"><input type="hidden" name="nonce" value="nonce">
    <input type="hidden" name="target" value="/hooks/agent">
    <button type="submit" class="danger">Yes: Forget all</button>
    </form>
    <p><a href="/">Cancel</a></p>
    </main>
    </body>
    </html>
    "#);
}
