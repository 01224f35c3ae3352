//! Many requests at once: each client gets the answer to its own.

use std::sync::Barrier;
use std::thread;

use crate::support::backend::Backend;
use crate::support::client::Client;
use crate::support::pki::Pki;
use crate::support::process::ClawgateCommand;

fn echo() -> Backend {
    Backend::each(|exchange, request| {
        exchange.answer("200 OK", "text/plain", std::str::from_utf8(&request.body).unwrap());
    })
}

fn request(body: &str) -> String {
    let length = body.len();
    format!("POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn one_connection_of_a_client_takes_many_requests() {
    let pki = Pki::new();
    let backend = echo();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).start();
    let mut client = Client::new(&pki, &clawgate).connect().unwrap();

    for number in 0..100 {
        let body = format!("request {number}");
        client.write(request(&body).as_bytes());
        assert_eq!(String::from_utf8(client.answer().body).unwrap(), body);
    }

    assert_eq!(backend.connections(), 1);
    let line = clawgate.event("request", 100);
    assert_eq!(clawgate.request()["peer"], line["peer"]);
    assert_ne!(clawgate.request()["id"], line["id"]);
}

#[test]
fn two_hundred_requests_at_once_get_their_own_answers() {
    const CONNECTIONS: usize = 50;
    let pki = Pki::new();
    let backend = echo();
    let clawgate = ClawgateCommand::new(&pki).upstream(backend.url()).arg("--workers", "2").start();
    let all_connected = Barrier::new(CONNECTIONS);

    thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            let (pki, clawgate, all_connected) = (&pki, &clawgate, &all_connected);
            scope.spawn(move || {
                let bodies = [0, 1, 2, 3].map(|number| format!("{connection}-{number};").repeat(500));
                let mut client = Client::new(pki, clawgate).connect().unwrap();
                all_connected.wait();
                let requests: String = bodies.iter().map(|body| request(body)).collect();
                client.write(requests.as_bytes());
                for body in bodies {
                    let answer = client.answer();
                    assert_eq!((answer.status, &*answer.body), (200, body.as_bytes()));
                }
            });
        }
    });

    assert_eq!(backend.received().len(), 4 * CONNECTIONS);
    clawgate.event("request", 4 * CONNECTIONS);
}
