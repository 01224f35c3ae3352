//! Trace IDs: continued or new, sent to the upstream and logged.

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;

const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn request(fields: &str) -> String {
    format!("POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{fields}\r\n")
}

#[test]
fn a_clients_trace_goes_on_at_the_upstream_and_one_begins_where_there_is_none() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let fields = format!("traceparent: 00-{ID}-00f067aa0ba902b7-01\r\ntracestate: a=1\r\n");
    let mut lines = Vec::new();
    for fields in [&*fields, "", "traceparent: 00-nonsense\r\ntracestate: a=1\r\n"] {
        assert_eq!(Client::new(&pki, &clawgate).send(&request(fields)).status, 200);
        lines.push(clawgate.event("request", lines.len() + 1));
    }

    let received = backend.received();
    let mut ids = Vec::new();
    for (line, received) in lines.iter().zip(&received) {
        let id = line["trace_id"].as_str().unwrap().to_owned();
        let parent = received.value("traceparent").unwrap();
        assert!(parent.starts_with(&format!("00-{id}-")), "{parent} {line}");
        assert_eq!((id.len(), parent.len()), (32, 55));
        ids.push(id);
    }
    assert_eq!(ids[0], ID);
    assert!(!received[0].value("traceparent").unwrap().contains("00f067aa0ba902b7"));
    assert_eq!(received[0].value("tracestate"), Some("a=1"));
    assert_eq!(received[2].value("tracestate"), None);
    assert!(ids[1] != ids[2] && ids[1] != ID);
}

#[test]
fn of_what_goes_well_a_sample_is_logged_and_of_what_does_not_everything() {
    let (pki, backend) = (Pki::new(), Backend::ok());
    let mut clawgate =
        ClawgateCommand::new(&pki).upstream(backend.url()).arg("--log-sample-2xx", "2").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    let mut send = |path: &str, number: u32| {
        let parent = format!("traceparent: 00-{number:032x}-00f067aa0ba902b7-01\r\n");
        client.write(request(&parent).replace("/hooks/wake", path).as_bytes());
        client.answer();
    };

    for number in 1..=10 {
        send("/hooks/wake", number);
        send("/closed", number);
    }

    drop(client);
    clawgate.stop();
    let lines = clawgate.events("request");
    let of = |status: u16| lines.iter().filter(move |line| line["status"] == status);
    let expected: Vec<_> = [2, 4, 6, 8, 10].map(|number: u32| format!("{number:032x}")).into();
    let logged: Vec<_> = of(200).map(|line| line["trace_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((logged, of(404).count()), (expected, 10));
}

#[test]
fn of_an_upstreams_answers_those_that_are_no_success_are_all_logged_whatever_the_sample() {
    let pki = Pki::new();
    let backend = Backend::each(|exchange, request| {
        let (_, status) = request.request_line().split_once("/hooks/").unwrap();
        exchange.answer(&status[..3], "text/plain", "");
    });
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url());
    let mut clawgate = clawgate.arg("--log-sample-2xx", "4000000000").start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();
    let mut send = |status: u16| {
        // None of the sample.
        let parent = "traceparent: 00-00000000000000000000000000000001-00f067aa0ba902b7-01\r\n";
        client.write(request(parent).replace("/hooks/wake", &format!("/hooks/{status}")).as_bytes());
        assert_eq!(client.answer().status, status);
    };

    for status in [200, 404, 201, 500, 302, 503, 400] {
        send(status);
    }

    drop(client);
    clawgate.stop();
    let lines = clawgate.events("request");
    let logged: Vec<_> = lines.iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(logged, [404, 500, 302, 503, 400]);
}
