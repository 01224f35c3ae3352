//! An HTTP/1.1 answer.

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads the head of an HTTP/1.1 answer.
    pub fn parse(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Self { status, headers: lines.filter_map(field).collect(), body: Vec::new() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("not JSON ({error}): {:?}", String::from_utf8_lossy(&self.body))
        })
    }

    /// The reason of one of clawgate's own answers, checked to be the same in head and body.
    pub fn reason(&self) -> String {
        let reason =
            self.header("x-clawgate-reason").expect("not an answer of clawgate's own").to_owned();
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.json()["reason"], reason);
        assert_eq!(self.json()["status"], self.status);
        reason
    }
}
