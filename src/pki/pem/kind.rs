//! The kinds of items in files, and the commands that convert other kinds.

/// What an item of a file is.
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
    /// The curve of a key that follows, which the key names, too (`openssl ecparam -genkey`).
    EcParameters,
    /// Parameters for finite-field Diffie-Hellman, as HAProxy and others read them from a certificate's file.
    DhParameters,
}

/// Something that is recognised but not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    /// Its name, with an article.
    pub(super) name: &'static str,
    /// How to convert it into something that is supported.
    pub(crate) hint: &'static str,
}

const PLAIN_KEY: &str = "give the key in PEM (PKCS #8): openssl pkey -in FILE -out KEY";

impl Kind {
    /// The kind of a block, by its label.
    ///
    /// # Errors
    /// For a block that is not supported; `None` if nothing is known about it.
    pub(super) fn of_label(label: &str) -> Result<Self, Option<Foreign>> {
        let foreign = |name, hint| Err(Some(Foreign { name, hint }));
        match label {
            // RFC 7468 section 5.1: X509 CERTIFICATE is an old name for the same.
            "CERTIFICATE" | "X509 CERTIFICATE" => Ok(Self::Certificate),
            "X509 CRL" => Ok(Self::Crl),
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => Ok(Self::PrivateKey),
            "ENCRYPTED PRIVATE KEY" => Ok(Self::EncryptedKey),
            "PUBLIC KEY" => Ok(Self::PublicKey),
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Ok(Self::Request),
            "EC PARAMETERS" => Ok(Self::EcParameters),
            "DH PARAMETERS" | "X9.42 DH PARAMETERS" => Ok(Self::DhParameters),
            "TRUSTED CERTIFICATE" => foreign(
                "a TRUSTED CERTIFICATE, which has OpenSSL's own trust settings in it",
                "take those out: openssl x509 -in FILE -out CERT.pem, for each certificate",
            ),
            "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => foreign(
                "PKCS #7 (CMS)",
                "take the certificates and CRLs out of it: openssl pkcs7 -print_certs -in FILE -out OUT.pem",
            ),
            "OPENSSH PRIVATE KEY" => foreign(
                "a private key of OpenSSH's",
                "convert it: ssh-keygen -p -N '' -m PKCS8 -f KEY (in place)",
            ),
            "DSA PRIVATE KEY" => foreign("a DSA key, which TLS has no use for", PLAIN_KEY),
            "ANY PRIVATE KEY" => foreign("a private key of an unusual form", PLAIN_KEY),
            "RSA PUBLIC KEY" => foreign("a public key", "give the certificate or the private key"),
            "ATTRIBUTE CERTIFICATE" => {
                foreign("an attribute certificate", "give the certificate (X.509) that it is about")
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

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// A chain; the file may have its key as well.
    Chain,
    /// A key; the file may have its chain as well.
    Key,
    /// CA certificates and nothing else.
    Cas,
    /// CRLs and nothing else.
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

    /// Whether the file may have such an item although it is not used: a chain and its key may share a file, with other
    /// items for other programs.
    pub(super) fn bears(self, kind: Kind) -> bool {
        match self {
            // An operator who puts a CRL there wants it to be used.
            Self::Chain | Self::Key => kind != Kind::Crl,
            Self::Cas | Self::Crls => false,
        }
    }

    /// What to do about an item that cannot be used.
    pub(crate) fn hint(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Cas, Kind::Crl) => "name a file with the CRLs alone in clients.crl (--crl)",
            (Self::Cas, Kind::PrivateKey | Kind::EncryptedKey) => {
                "take the key out: whoever has a CA's key can let anybody in, and clawgate has no use for it"
            }
            (Self::Cas, _) => "leave the CAs' certificates alone in the file",
            (Self::Crls, Kind::Certificate) => "name the CAs' certificates in clients.ca (--client-ca)",
            (Self::Crls, _) => "leave the CRLs alone in the file",
            (Self::Chain | Self::Key, _) => "name the CRLs in clients.crl (--crl)",
        }
    }
}
