//! Which bytes make a PEM or DER file, and what other formats are called.

use std::fs;

use super::super::{command, summary};
use super::{is_served, openssl, refuses};
use crate::support::client::Client;
use crate::support::pki::{Ca, Leaf, Pki, pem_block};

#[test]
fn a_list_whose_boundary_is_not_to_the_letter_is_refused_and_not_skipped() {
    let pki = Pki::new();
    let (first, last) = (pki.root.crl(&[], 3600), pki.intermediate.crl(&[0x77], 3600));
    let whole = format!("{first}{last}");
    let second = first.lines().count() + 1;
    let changed = |change: &dyn Fn(&str) -> String| {
        let lines: Vec<String> = last.lines().map(change).collect();
        format!("{first}{}\n", lines.join("\n"))
    };
    let boundary = |from: &'static str, to: &'static str| changed(&move |line| line.replace(from, to));
    for (name, content, line) in [
        ("joined", whole.replace("-----\n-----", "----------"), second - 1),
        ("joined with a blank", whole.replace("-----\n-----", "----- -----"), second - 1),
        ("marked", format!("\u{feff}{last}{first}"), 1),
        ("marked within", format!("{first}\u{feff}{last}"), second),
        ("indented", changed(&|line| format!("  {line}")), second),
        ("indented by a tab", changed(&|line| format!("\t{line}")), second),
        ("quoted", changed(&|line| format!("> {line}")), second),
        ("commented", changed(&|line| format!("# {line}")), second),
        ("with an invisible character", changed(&|line| format!("\u{200b}{line}")), second),
        ("of four dashes", boundary("-----", "----"), second),
        ("of six dashes", boundary("-----", "------"), second),
        ("of other dashes", boundary("-----", "\u{2013}\u{2013}\u{2013}"), second),
        ("without dashes", boundary("-----", ""), second),
        ("of equals signs", boundary("-----", "====="), second),
        (
            "in small letters",
            changed(&|line| line.replace("BEGIN", "begin").replace("END", "end")),
            second,
        ),
        ("misspelt", changed(&|line| line.replace("BEGIN", "BEGINN").replace("END", "ENDE")), second),
        ("without its name", boundary(" X509 CRL", ""), second),
        ("of SSH2's kind", boundary("-----", "---- "), second),
        ("with a remark after it", boundary("CRL-----", "CRL----- of today"), second),
        ("without BEGIN", boundary("-----BEGIN X509 CRL-----", ""), second + 1),
        ("without END", boundary("-----END X509 CRL-----", ""), second),
        ("ending as something else", boundary("END X509 CRL", "END CERTIFICATE"), whole.lines().count()),
        (
            "in Base64 again",
            format!("{first}{}\n", data_encoding::BASE64.encode(last.as_bytes())),
            second,
        ),
    ] {
        let file = pki.file("changed.crl", &content);
        let output = command("check", &pki).arg("--crl", &file).output();
        assert_eq!(output.code, Some(78), "{name}: {output:?}");
        let said = format!("{}: is broken PEM: line {line}: ", file.display());
        assert!(output.stderr.contains(&said), "{name}: no {said:?} in {}", output.stderr);
    }
}

#[test]
fn base64_without_its_boundaries_is_refused() {
    let pki = Pki::new();
    let list = pki.intermediate.crl(&[0x77], 3600);
    let bare: String =
        list.lines().filter(|line| !line.starts_with('-')).map(|l| format!("{l}\n")).collect();
    let first = pki.root.crl(&[], 3600);
    let file = pki.file("bare.crl", format!("{first}{bare}"));
    let what =
        format!("is broken PEM: line {}: is Base64 outside of a block", first.lines().count() + 1);
    refuses(
        &pki,
        "--crl",
        &file,
        &what,
        "hint: remove the line, or correct the block that it belongs to",
    );
}

#[test]
fn what_is_not_pem_is_called_by_its_name_with_the_way_to_convert_it() {
    let pki = Pki::new();
    pki.files("server", &pki.server);
    pki.file("ca.pem", pki.root.pem());
    pki.file("some.crl", pki.root.crl(&[], 3600));
    openssl(&pki, "crl2pkcs7 -nocrl -certfile ca.pem -out p7.pem");
    openssl(&pki, "crl2pkcs7 -nocrl -certfile ca.pem -outform DER -out p7.der");
    openssl(&pki, "crl2pkcs7 -in some.crl -out crl.p7");
    openssl(&pki, "pkcs12 -export -in server.pem -inkey server.key -passout pass:x -out server.p12");
    openssl(&pki, "x509 -in ca.pem -trustout -addtrust clientAuth -out trusted.pem");
    let pem = pki.root.pem();
    let wide: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    pki.file("utf16.pem", &wide);
    pki.file("utf16-marked.pem", [b"\xff\xfe", &wide[..]].concat());
    pki.file("utf16-big.pem", pem.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>());
    pki.file("zeros.pem", [0; 700]);
    pki.file("packed.pem", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03");
    pki.file("keystore.jks", b"\xfe\xed\xfe\xed\x00\x00\x00\x02");
    pki.file("secret.pem", data_encoding::BASE64.encode(pem.as_bytes()));
    pki.file("openssh.key", pem_block("OPENSSH PRIVATE KEY", b"openssh-key-v1\0aaaaaaaa"));
    pki.file("unknown.pem", pem_block("SOMETHING ELSE", b"\x30\x00"));
    for (flag, name, what, hint) in [
        ("--client-ca", "p7.pem", "has PKCS #7 (CMS) in line 1", "openssl pkcs7 -print_certs -in FILE"),
        (
            "--client-ca",
            "p7.der",
            "is PKCS #7 (CMS), neither PEM",
            "openssl pkcs7 -inform DER -print_certs",
        ),
        ("--crl", "crl.p7", "has PKCS #7 (CMS) in line 1", "openssl pkcs7 -print_certs -in FILE"),
        ("--cert", "server.p12", "is PKCS #12, neither PEM", "openssl pkcs12 -in FILE -nodes"),
        ("--key", "server.p12", "is PKCS #12, neither PEM", "openssl pkcs12 -in FILE -nodes"),
        ("--client-ca", "trusted.pem", "has a TRUSTED CERTIFICATE", "openssl x509 -in FILE -out"),
        ("--client-ca", "utf16.pem", "is text in UTF-16", "iconv -f UTF-16"),
        ("--client-ca", "utf16-marked.pem", "is text in UTF-16", "iconv -f UTF-16"),
        ("--client-ca", "utf16-big.pem", "is text in UTF-16", "iconv -f UTF-16"),
        ("--client-ca", "zeros.pem", "is a file of zero bytes", "write the file again"),
        ("--crl", "packed.pem", "is a file compressed by gzip", "gunzip FILE"),
        ("--cert", "keystore.jks", "is a Java keystore", "keytool -importkeystore"),
        ("--client-ca", "secret.pem", "is broken PEM: line 1: is a PEM block in Base64", "base64 -d"),
        ("--key", "openssh.key", "has a private key in OpenSSH's format in line 1", "ssh-keygen -p"),
        ("--client-ca", "unknown.pem", "has an unknown block in line 1: SOMETHING ELSE", "remove it"),
    ] {
        refuses(&pki, flag, &pki.dir().join(name), what, hint);
    }
}

#[test]
fn the_command_that_a_message_names_makes_a_file_that_is_read() {
    let pki = Pki::new();
    pki.files("server", &pki.server);
    pki.file("ca.pem", pki.root.pem());
    pki.file("some.crl", pki.root.crl(&[], 3600));
    openssl(&pki, "crl2pkcs7 -nocrl -certfile ca.pem -outform DER -out ca.p7");
    openssl(&pki, "crl2pkcs7 -in some.crl -out crl.p7");
    openssl(&pki, "pkcs12 -export -in server.pem -inkey server.key -passout pass: -out server.p12");
    openssl(&pki, "x509 -in ca.pem -trustout -addtrust clientAuth -out trusted.pem");
    for (flag, arguments) in [
        ("--client-ca", "pkcs7 -inform DER -print_certs -in ca.p7 -out out.pem"),
        ("--crl", "pkcs7 -print_certs -in crl.p7 -out out.pem"),
        ("--cert", "pkcs12 -in server.p12 -nodes -passin pass: -out out.pem"),
        ("--key", "pkcs12 -in server.p12 -nodes -passin pass: -out out.pem"),
        ("--client-ca", "x509 -in trusted.pem -out out.pem"),
    ] {
        openssl(&pki, arguments);
        summary(command("check", &pki).arg(flag, pki.dir().join("out.pem")));
    }
}

#[test]
fn der_is_read_wherever_pem_is() {
    let pki = Pki::new();
    let server = Leaf::server().issued_by(&pki.root, &[]);
    let revoked = Leaf::client("stolen").serial(0x77).issued_by(&pki.root, &[]);
    let clawgate = command("run", &pki)
        .arg("--cert", pki.file("server.der", &server.chain[0]))
        .arg("--key", pki.file("key.der", server.key.serialize_der()))
        .arg("--client-ca", pki.file("ca.der", pki.root.certificate.der()))
        .arg("--crl", pki.file("crl.der", pki.root.crl_with(&[0x77], 3600, |_| ())))
        .start();

    assert_eq!(Client::new(&pki, &clawgate).post("/hooks/wake", "{}").status, 200);
    assert!(!is_served(&pki, &clawgate, &revoked));
}

#[test]
fn bytes_after_an_item_of_der_are_refused() {
    let pki = Pki::new();
    let (ca, crl) = (pki.root.certificate.der().to_vec(), pki.root.crl_with(&[], 3600, |_| ()));
    let what = "is DER with more bytes after it";
    let two = pki.file("two.der", [ca.clone(), pki.intermediate.certificate.der().to_vec()].concat());
    refuses(&pki, "--client-ca", &two, what, "if it has several items, it must be PEM");
    let mixed = pki.file("mixed.der", [crl, pki.intermediate.crl(&[0x77], 3600).into_bytes()].concat());
    refuses(&pki, "--crl", &mixed, what, "if it has several items, it must be PEM");
    let within = pem_block("CERTIFICATE", &[&ca[..], b"\x05\x00"].concat());
    let within = pki.file("within.pem", pki.root.pem() + &within);
    let line = pki.root.pem().lines().count() + 1;
    let what = format!(
        "is broken PEM: line {line}: begins a certificate that is incomplete or has extra bytes after it"
    );
    refuses(&pki, "--client-ca", &within, &what, "write the file again");
}

#[test]
fn text_that_openssl_writes_around_blocks_is_read_as_remarks() {
    let pki = Pki::new();
    pki.file("ca.pem", pki.root.pem());
    openssl(&pki, "x509 -in ca.pem -text -out text.pem");
    let text = fs::read_to_string(pki.dir().join("text.pem")).unwrap();
    let session = format!(
        "CONNECTED(00000003)\n---\nCertificate chain\n 0 s:CN = gate\n   i:CN = Test Root\n{}---\nServer certificate\n\
         subject=CN = gate\n---\nSSL handshake has read 1378 bytes\n---\nNew, TLSv1.3\n    Session-ID: {}\n\
         \n---\n# ---- old CA ----\nBag Attributes\n    localKeyID: 01 \n==================\n{text}DONE\n",
        pki.intermediate.pem(),
        "0123456789ABCDEF".repeat(4)
    );
    let file = pki.file("session.pem", session);

    let summary = summary(command("check", &pki).arg("--client-ca", file));

    assert!(summary.contains("CN=Test Root") && summary.contains("CN=Test Intermediate"), "{summary}");
    assert!(!summary.contains("warning"), "{summary}");
}

#[test]
fn an_x509_certificate_is_a_certificate_by_its_old_name() {
    let pki = Pki::new();
    let file = pki.file("old.pem", pem_block("X509 CERTIFICATE", pki.root.certificate.der()));
    assert!(summary(command("check", &pki).arg("--client-ca", file)).contains("CN=Test Root"));
}

#[test]
fn a_bundle_is_read_to_its_end_whatever_line_ends_it_has() {
    let pki = Pki::new();
    let bundle = pki.root.pem() + &Ca::root("Second Root").pem();
    for ends in ["\n", "\r\n", "\r"] {
        let file = pki.file("bundle.pem", bundle.replace('\n', ends));
        let summary = summary(command("check", &pki).arg("--client-ca", file));
        assert!(summary.contains("CN=Test Root") && summary.contains("CN=Second Root"), "{ends:?}");
    }
}
