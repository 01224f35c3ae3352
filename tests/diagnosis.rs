//! Every refused connection gets one log line with the reason, and its sender the right alert.

use crate::support::gate::GateCommand;
use crate::support::pki::Pki;
use crate::support::sender::Sender;

#[test]
fn a_sender_without_a_certificate_is_told_so_over_both_versions() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let pki = Pki::new();
        let gate = GateCommand::new(&pki).upstream("echo:").start();

        let error = Sender::with_versions(&pki, &gate, None, &[version]).refused();

        assert!(error.to_string().contains("CertificateRequired"), "{error}");
        let failure = gate.failure();
        assert_eq!(failure["reason"], "client_cert_missing");
        assert_eq!(failure["alert_sent"], "certificate_required");
        assert!(failure["detail"].as_str().unwrap().contains("CN=Test Root"), "{failure}");
    }
}
