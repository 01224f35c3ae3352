//! nginx: the access log through a buffer, bodies streamed as clawgate does it.

use super::{Call, IDLE, Job, path};

pub(super) fn settings(job: &Job, name: &str) -> String {
    let Job { certificates, dir, port, upstream, workers, resumption, .. } = job;
    let file = |name: &str| path(certificates, name);
    let dir = dir.display();
    // `http2 on` came with 1.25.1; the word in `listen` is the older way.
    let old = name.split([' ', '.']).nth(2).and_then(|minor| minor.parse::<u32>().ok()) < Some(26);
    let (word, line) = if old { (" http2", "") } else { ("", "http2 on;") };
    let tickets = if *resumption { "on" } else { "off" };
    let cache = if *resumption { "shared:tls:10m" } else { "off" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .filter(|kind| old || matches!(**kind, "client_body" | "proxy"))
        .map(|kind| format!("{kind}_temp_path {dir}/{kind};\n"))
        .collect();
    format!(
        r#"
daemon off;
worker_processes {workers};
worker_rlimit_nofile 20000;
pid {dir}/nginx.pid;
error_log {dir}/error.log crit;
events {{ worker_connections 18000; }}
http {{
  {temporary}
  log_format facts '$time_iso8601 $request_id $remote_addr:$remote_port "$ssl_client_s_dn" $ssl_protocol '
                   '$server_protocol $request_method $uri $status $request_length $body_bytes_sent '
                   '$request_time $upstream_addr $upstream_response_time';
  access_log {dir}/access.log facts buffer=64k flush=1s;
  client_max_body_size 16m;
  proxy_request_buffering off;
  proxy_max_temp_file_size 0;
  keepalive_timeout {IDLE}s;
  keepalive_requests 1000000000;
  upstream backend {{
    server 127.0.0.1:{upstream};
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} ssl{word};
    {line}
    server_name localhost;
    ssl_certificate {};
    ssl_certificate_key {};
    ssl_client_certificate {};
    ssl_verify_client on;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_tickets {tickets};
    ssl_session_cache {cache};
    location /hooks/ {{
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Request-Id $request_id;
      proxy_set_header X-SSL-Client-Subject $ssl_client_s_dn;
      proxy_set_header X-SSL-Client-Issuer $ssl_client_i_dn;
      proxy_set_header X-SSL-Client-Serial $ssl_client_serial;
      proxy_set_header X-SSL-Client-Verify $ssl_client_verify;
    }}
  }}
}}
"#,
        file("server.pem"),
        file("server.key"),
        file("ca.pem"),
    )
}

pub(super) fn call(job: &Job, file: &str) -> Call {
    let dir = job.dir.display().to_string();
    let error = path(&job.dir, "error.log");
    Call::new(["-p", &dir, "-e", &error, "-c", file])
}
