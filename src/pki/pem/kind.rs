//! The kinds of items in files, and the commands that convert other kinds.

/// The kind of an item in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A certificate (RFC 5280 section 4).
    Certificate,
    /// A certificate revocation list (RFC 5280 section 5).
    Crl,
    /// A private key: PKCS #8, PKCS #1 or SEC 1.
    PrivateKey,
    /// An encrypted private key: PKCS #8, or the old form with header fields (RFC 1421).
    EncryptedKey,
    /// A SubjectPublicKeyInfo (RFC 5280 section 4.1).
    PublicKey,
    /// A certificate request: PKCS #10.
    Request,
    /// The curve of the key after it (`openssl ecparam -genkey`). It is not needed: the key also names the curve.
    EcParameters,
    /// Parameters for finite-field Diffie-Hellman, as HAProxy and others read them from a certificate's file.
    DhParameters,
}

/// A format that is recognised but not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    /// Its name, with an article.
    pub(super) name: &'static str,
    /// How to convert it to a supported format.
    pub(crate) hint: &'static str,
}

const PLAIN_KEY: &str = "give the key in PEM (PKCS #8): openssl pkey -in FILE -out KEY";

impl Kind {
    /// The kind of a block, by its label.
    ///
    /// # Errors
    /// For a block that is not supported; `None` if its label is unknown.
    pub(super) fn of_label(label: &str) -> Result<Self, Option<Foreign>> {
        let foreign = |name, hint| Err(Some(Foreign { name, hint }));
        match label {
            // RFC 7468 section 5.1: X509 CERTIFICATE is an old label of certificates.
            "CERTIFICATE" | "X509 CERTIFICATE" => Ok(Self::Certificate),
            "X509 CRL" => Ok(Self::Crl),
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => Ok(Self::PrivateKey),
            "ENCRYPTED PRIVATE KEY" => Ok(Self::EncryptedKey),
            "PUBLIC KEY" => Ok(Self::PublicKey),
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Ok(Self::Request),
            "EC PARAMETERS" => Ok(Self::EcParameters),
            "DH PARAMETERS" | "X9.42 DH PARAMETERS" => Ok(Self::DhParameters),
            "TRUSTED CERTIFICATE" => foreign(
                "a TRUSTED CERTIFICATE, which contains OpenSSL's own trust settings",
                "remove these settings: openssl x509 -in FILE -out CERT.pem, for each certificate",
            ),
            "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => foreign(
                "PKCS #7 (CMS)",
                "extract the certificates and CRLs: openssl pkcs7 -print_certs -in FILE -out OUT.pem",
            ),
            "OPENSSH PRIVATE KEY" => foreign(
                "a private key in OpenSSH's format",
                "convert it: ssh-keygen -p -N '' -m PKCS8 -f KEY (in place)",
            ),
            "DSA PRIVATE KEY" => foreign("a DSA key, which TLS does not support", PLAIN_KEY),
            "ANY PRIVATE KEY" => foreign("a private key of an unusual form", PLAIN_KEY),
            "RSA PUBLIC KEY" => foreign("a public key", "give the certificate or the private key"),
            "ATTRIBUTE CERTIFICATE" => {
                foreign("an attribute certificate", "give the X.509 certificate that it belongs to")
            }
            _ => Err(None),
        }
    }

    /// Its name, with an article.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Certificate => "a certificate",
            Self::Crl => "a CRL",
            Self::PrivateKey => "a private key",
            Self::EncryptedKey => "an encrypted private key",
            Self::PublicKey => "a public key",
            Self::Request => "a certificate request",
            Self::EcParameters => "EC parameters",
            Self::DhParameters => "DH parameters",
        }
    }
}

/// The purpose of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// A chain; the file may also contain its key.
    Chain,
    /// A key; the file may also contain its chain.
    Key,
    /// Only CA certificates.
    Cas,
    /// Only CRLs.
    Crls,
}

impl Use {
    /// What the file is read for.
    pub(super) fn wants(self) -> Kind {
        match self {
            Self::Chain | Self::Cas => Kind::Certificate,
            Self::Key => Kind::PrivateKey,
            Self::Crls => Kind::Crl,
        }
    }

    /// Whether the file may contain an item of this kind that clawgate does not use. A chain and its key may share a
    /// file with items for other programs.
    pub(super) fn bears(self, kind: Kind) -> bool {
        match self {
            // An operator who puts a CRL into this file expects that clawgate uses it.
            Self::Chain | Self::Key => kind != Kind::Crl,
            Self::Cas | Self::Crls => false,
        }
    }

    /// What to do about an item that cannot be used.
    pub(crate) fn hint(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Cas, Kind::Crl) => {
                "move the CRLs to a file of their own, and name it in clients.crl (--crl)"
            }
            (Self::Cas, Kind::PrivateKey | Kind::EncryptedKey) => {
                "remove the key: clawgate does not need a CA's key, and anybody who has it can issue client certificates"
            }
            (Self::Cas, _) => "keep only the CA certificates in the file",
            (Self::Crls, Kind::Certificate) => "name the CA certificates in clients.ca (--client-ca)",
            (Self::Crls, _) => "keep only the CRLs in the file",
            (Self::Chain | Self::Key, _) => "name the CRLs in clients.crl (--crl)",
        }
    }
}
