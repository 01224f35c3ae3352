//! Node and Java, in which webhook senders are written, read the alert and not a reset.
//!
//! Where one of them is not installed, its test says so and checks nothing.

use std::process::Command;

use super::tools::{agrees, said, story};

const NODE: &str = r#"
const fs = require('fs'), https = require('https');
const [port, version] = process.argv.slice(2);
const request = https.request({
  host: 'localhost', port, method: 'POST', path: '/hooks/wake', minVersion: version, maxVersion: version,
  ca: fs.readFileSync('ca.pem'), cert: fs.readFileSync('bad.pem'), key: fs.readFileSync('bad.key'),
}, (answer) => console.log('let in:', answer.statusCode));
request.on('error', (error) => console.log(error.code, error.message));
request.end('{}');
"#;

const JAVA: &str = r#"
import java.io.*;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

class Client {
    public static void main(String[] arguments) throws Exception {
        char[] password = "test".toCharArray();
        KeyStore own = KeyStore.getInstance("PKCS12");
        own.load(new FileInputStream("bad.p12"), password);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(own, password);
        KeyStore cas = KeyStore.getInstance("PKCS12");
        cas.load(null, null);
        cas.setCertificateEntry("ca", CertificateFactory.getInstance("X.509")
            .generateCertificate(new FileInputStream("ca.pem")));
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(cas);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        int port = Integer.parseInt(arguments[0]);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", port)) {
            socket.setEnabledProtocols(new String[] {arguments[1]});
            socket.getOutputStream().write(
                "POST /hooks/wake HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}".getBytes());
            System.out.println("let in: " + socket.getInputStream().read());
        } catch (IOException error) {
            System.out.println(error);
        }
    }
}
"#;

#[test]
fn node_reads_the_alert() {
    let (pki, mut trial) = story();
    pki.file("client.js", NODE);

    for version in ["TLSv1.2", "TLSv1.3"] {
        let port = trial.clawgate.address().port().to_string();
        let mut command = Command::new("node");
        command.args(["client.js", &port, version]).current_dir(pki.dir());
        let Some(said) = said(&mut command) else {
            println!("node is not installed: nothing is tested here");
            return;
        };
        agrees(&mut trial, "client_cert_wrong_purpose", &said, "alert unsupported certificate");
    }
    trial.end();
}

#[test]
fn java_reads_the_alert() {
    let (pki, mut trial) = story();
    pki.file("Client.java", JAVA);
    let mut pack = Command::new("openssl");
    pack.args(["pkcs12", "-export", "-in", "bad.pem", "-inkey", "bad.key", "-out", "bad.p12"]);
    pack.args(["-passout", "pass:test"]).current_dir(pki.dir());
    assert!(pack.status().expect("openssl is needed").success());

    for version in ["TLSv1.2", "TLSv1.3"] {
        let port = trial.clawgate.address().port().to_string();
        let mut command = Command::new("java");
        command.args(["Client.java", &port, version]).current_dir(pki.dir());
        let Some(said) = said(&mut command) else {
            println!("java is not installed: nothing is tested here");
            return;
        };
        agrees(&mut trial, "client_cert_wrong_purpose", &said, "unsupported certificate");
    }
    trial.end();
}
