//! HAProxy: the log to stdout, as in a container.

use std::path::Path;

use super::{CONNECTIONS, Call, IDLE, Job, path};

pub(super) fn settings(job: &Job) -> String {
    let Job { certificates, port, upstream, workers, resumption, .. } = job;
    let (pair, ca) = (path(certificates, "server.both.pem"), path(certificates, "ca.pem"));
    let (tickets, cache) =
        if *resumption { ("", "") } else { ("no-tls-tickets", "tune.ssl.cachesize 0") };
    format!(
        r#"
global
  nbthread {workers}
  maxconn {CONNECTIONS}
  log stdout format raw local0 info
  ssl-default-bind-options ssl-min-ver TLSv1.2 {tickets}
  {cache}
defaults
  mode http
  log global
  timeout connect 2s
  timeout client {IDLE}s
  timeout server 60s
  timeout http-keep-alive {IDLE}s
frontend clients
  bind 127.0.0.1:{port} ssl crt {pair} ca-file {ca} verify required alpn h2,http/1.1
  unique-id-format %{{+X}}o%ci:%cp_%Ts_%rt
  unique-id-header X-Request-Id
  log-format "%t %ID %ci:%cp %{{+Q}}[ssl_c_s_dn] %sslv %HV %HM %HP %ST %U %B %Ta %s %Tr %ts"
  http-request set-header X-SSL-Client-Subject %{{+Q}}[ssl_c_s_dn]
  http-request set-header X-SSL-Client-Issuer %{{+Q}}[ssl_c_i_dn]
  http-request set-header X-SSL-Client-Serial %[ssl_c_serial,hex]
  http-request set-header X-SSL-Client-Verify %[ssl_c_verify]
  acl hooks path_beg /hooks/
  http-request deny deny_status 404 unless hooks
  default_backend upstream
backend upstream
  http-reuse always
  server one 127.0.0.1:{upstream}
"#
    )
}

pub(super) fn call(file: &str, program: &str) -> Call {
    let mut call = Call::new(["-db", "-f", file]);
    // Where it comes from a package with its own OpenSSL beside it.
    if let Some(libraries) =
        Path::new(program).parent().map(|dir| dir.join("lib")).filter(|lib| lib.is_dir())
    {
        call.variables.push(("LD_LIBRARY_PATH".to_owned(), libraries.display().to_string()));
    }
    call
}
