//! Envoy: XFCC for the identity, its own default log format and the subject.

use super::{Call, IDLE, Job, path};

pub(super) fn settings(job: &Job) -> String {
    let Job { certificates, dir, port, upstream, resumption, .. } = job;
    let file = |name: &str| path(certificates, name);
    let none = !resumption;
    let access = path(dir, "access.log");
    format!(
        r#"
static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    filter_chains:
    - transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: true
          disable_stateless_session_resumption: {none}
          disable_stateful_session_resumption: {none}
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_params:
              tls_minimum_protocol_version: TLSv1_2
              tls_maximum_protocol_version: TLSv1_3
              ecdh_curves: [X25519MLKEM768, X25519, P-256]
            tls_certificates:
            - certificate_chain: {{ filename: {server} }}
              private_key: {{ filename: {key} }}
            validation_context:
              trusted_ca: {{ filename: {ca} }}
      filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: clients
          codec_type: AUTO
          forward_client_cert_details: SANITIZE_SET
          set_current_client_cert_details: {{ subject: true, dns: true }}
          common_http_protocol_options: {{ idle_timeout: {IDLE}s }}
          access_log:
          - name: file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: {access}
              log_format:
                text_format_source:
                  inline_string: "%START_TIME% %REQ(X-REQUEST-ID)% %DOWNSTREAM_REMOTE_ADDRESS% \"%DOWNSTREAM_PEER_SUBJECT%\" %DOWNSTREAM_TLS_VERSION% %PROTOCOL% %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %UPSTREAM_HOST%\n"
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{ prefix: /hooks/ }}
                route: {{ cluster: upstream, timeout: 60s }}
          http_filters:
          - name: router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: upstream
    type: STATIC
    connect_timeout: 2s
    load_assignment:
      cluster_name: upstream
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {upstream} }} }} }}
"#,
        server = file("server.pem"),
        key = file("server.key"),
        ca = file("ca.pem"),
    )
}

pub(super) fn call(job: &Job, file: &str) -> Call {
    let workers = job.workers.to_string();
    Call::new(["-c", file, "--concurrency", &workers, "--disable-hot-restart", "-l", "error"])
}
