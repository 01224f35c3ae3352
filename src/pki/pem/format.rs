//! Recognises the format of a file that is not PEM, from its first bytes or the structure of its DER.

use x509_parser::asn1_rs::{Any, FromDer};

use super::kind::{Foreign, Kind};

/// A file that is not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One item in DER.
    Der(Kind),
    /// A format that is not supported.
    Foreign(Foreign),
}

/// The DER tags that this module uses.
mod tag {
    pub(super) const INTEGER: u32 = 0x02;
    pub(super) const BIT_STRING: u32 = 0x03;
    pub(super) const OCTET_STRING: u32 = 0x04;
    pub(super) const OID: u32 = 0x06;
    pub(super) const ENUMERATED: u32 = 0x0a;
    pub(super) const SEQUENCE: u32 = 0x10;
    pub(super) const UTC_TIME: u32 = 0x17;
    pub(super) const GENERALIZED_TIME: u32 = 0x18;
}

/// The first bytes of formats that are not DER.
const MAGIC: [(&[u8], Foreign); 9] = [
    (b"\xff\xfe", UTF16),
    (b"\xfe\xff", UTF16),
    (b"\xfe\xed\xfe\xed", KEYSTORE),
    (b"\xce\xce\xce\xce", KEYSTORE),
    (b"\x1f\x8b", Foreign { name: "a file compressed by gzip", hint: "unpack it: gunzip FILE" }),
    (b"BZh", Foreign { name: "a file compressed by bzip2", hint: "unpack it: bunzip2 FILE" }),
    (b"\xfd7zXZ\0", Foreign { name: "a file compressed by xz", hint: "unpack it: unxz FILE" }),
    (b"\x28\xb5\x2f\xfd", Foreign { name: "a file compressed by zstd", hint: "unpack it: unzstd FILE" }),
    (b"PK\x03\x04", Foreign { name: "a ZIP archive", hint: "unpack it: unzip FILE" }),
];

const UTF16: Foreign = Foreign {
    name: "text in UTF-16",
    hint: "convert it: iconv -f UTF-16 -t UTF-8 FILE > OUT (PowerShell's `>` writes UTF-16)",
};
const KEYSTORE: Foreign = Foreign {
    name: "a Java keystore",
    hint: "convert it: keytool -importkeystore -srckeystore FILE -destkeystore OUT.p12 -deststoretype pkcs12, then \
           openssl pkcs12 -in OUT.p12 -nodes -out OUT.pem",
};
const ZEROS: Foreign = Foreign {
    name: "a file of zero bytes",
    hint: "write the file again; a crash or a full disk may have destroyed its content",
};
const BINARY: Foreign =
    Foreign { name: "binary data of an unknown format", hint: "give the file in PEM" };
const CUT_OFF: Foreign =
    Foreign { name: "DER that is incomplete", hint: "write the file again; it may be half-written" };
const MORE_THAN_DER: Foreign = Foreign {
    name: "DER with more bytes after it",
    hint: "write the file again; if it has several items, it must be PEM",
};
const PKCS7: Foreign = Foreign {
    name: "PKCS #7 (CMS)",
    hint: "extract the certificates and CRLs: openssl pkcs7 -inform DER -print_certs -in FILE -out OUT.pem",
};
const PKCS12: Foreign = Foreign {
    name: "PKCS #12",
    hint: "extract the certificates and the key: openssl pkcs12 -in FILE -nodes -out OUT.pem",
};
const OCSP: Foreign = Foreign { name: "an OCSP response", hint: "name it in tls.ocsp (--ocsp)" };
const UNKNOWN_DER: Foreign = Foreign { name: "DER of an unknown type", hint: "give the file in PEM" };

impl Format {
    /// The format of `bytes`, if they are not text.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Some(Self::Foreign(ZEROS));
        }
        if let Some((_, foreign)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Some(Self::Foreign(*foreign));
        }
        // 0x30 is the tag of a SEQUENCE, but also the digit 0. In DER a length follows, in text a character.
        if bytes[0] == 0x30 && bytes.get(1).is_some_and(|length| is_length(*length, bytes.len())) {
            return Some(der(bytes));
        }
        if !bytes.contains(&0) {
            return None;
        }
        let zeros = |first| bytes.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
        let is_wide = zeros(0).max(zeros(1)) > bytes.len() / 4;
        Some(Self::Foreign(if is_wide { UTF16 } else { BINARY }))
    }
}

/// Whether a DER element of `whole` octets, or more, may begin with a SEQUENCE of this first length octet.
fn is_length(first: u8, whole: usize) -> bool {
    matches!(first, 0x80..=0x84) || usize::from(first) + 2 == whole
}

fn der(bytes: &[u8]) -> Format {
    // BER of indefinite length, as some programs write PKCS #7 and #12.
    if bytes[1] == 0x80 {
        let is_pkcs12 = bytes.get(2..5) == Some(&[2, 1, 3]);
        return Format::Foreign(if is_pkcs12 { PKCS12 } else { PKCS7 });
    }
    match Any::from_der(bytes) {
        Ok(([], whole)) => kind(whole.data),
        Ok(_) => Format::Foreign(MORE_THAN_DER),
        Err(_) => Format::Foreign(CUT_OFF),
    }
}

/// The kind of object in the outermost SEQUENCE.
fn kind(content: &[u8]) -> Format {
    use tag::{BIT_STRING, ENUMERATED, INTEGER, OCTET_STRING, OID, SEQUENCE};
    let elements = elements(content);
    let tags: Vec<_> = elements.iter().map(|element| element.tag().0).collect();
    match tags[..] {
        [SEQUENCE, SEQUENCE, BIT_STRING] => Format::Der(signed(elements[0].data)),
        [SEQUENCE, BIT_STRING] => Format::Der(Kind::PublicKey),
        [SEQUENCE, OCTET_STRING] => Format::Der(Kind::EncryptedKey),
        [INTEGER, SEQUENCE, ..] if elements[0].data == [3] => Format::Foreign(PKCS12),
        [INTEGER, SEQUENCE, OCTET_STRING, ..] | [INTEGER, OCTET_STRING, ..] => {
            Format::Der(Kind::PrivateKey)
        }
        // RSAPrivateKey (RFC 8017 appendix A.1.2) has nine numbers.
        [INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, INTEGER, ..] => {
            Format::Der(Kind::PrivateKey)
        }
        [INTEGER, INTEGER] | [INTEGER, INTEGER, INTEGER] => Format::Der(Kind::DhParameters),
        [OID, ..] => Format::Foreign(PKCS7),
        [ENUMERATED, ..] => Format::Foreign(OCSP),
        _ => Format::Foreign(UNKNOWN_DER),
    }
}

/// An object that is followed by an algorithm and a signature: a certificate, a CRL or a request.
fn signed(message: &[u8]) -> Kind {
    use tag::{GENERALIZED_TIME, INTEGER, SEQUENCE, UTC_TIME};
    let elements = elements(message);
    let tags: Vec<_> = elements.iter().map(|element| element.tag().0).collect();
    let after_version = tags.strip_prefix(&[INTEGER]).unwrap_or(&tags);
    match after_version {
        [SEQUENCE, SEQUENCE, UTC_TIME | GENERALIZED_TIME, ..] => Kind::Crl,
        // Version, subject, key, attributes; a certificate of version 1 has validity and subject there.
        [SEQUENCE, SEQUENCE] | [SEQUENCE, SEQUENCE, 0] if after_version.len() < tags.len() => {
            Kind::Request
        }
        _ => Kind::Certificate,
    }
}

/// The elements in `content`, up to the first one that cannot be read.
fn elements(mut content: &[u8]) -> Vec<Any<'_>> {
    let mut elements = Vec::new();
    while let Ok((rest, element)) = Any::from_der(content) {
        elements.push(element);
        content = rest;
    }
    elements
}

/// Whether `der` is one whole element with nothing after it.
pub(crate) fn is_one_element(der: &[u8]) -> bool {
    matches!(Any::from_der(der), Ok(([], _)))
}
