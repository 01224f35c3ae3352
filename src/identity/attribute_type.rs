//! Attribute types of distinguished names: their object identifiers and names.

use std::collections::HashMap;
use std::sync::LazyLock;

use x509_parser::der_parser::asn1_rs::Oid;

/// An attribute type that has a name.
#[derive(Debug)]
pub(super) struct AttributeType {
    /// With dots.
    oid: &'static str,
    /// OpenSSL's short name, which is RFC 4514's in any case for the types of its section 3.
    pub(super) openssl: &'static str,
    /// The long one, where there is another.
    long: &'static str,
}

impl AttributeType {
    /// The name that is written: OpenSSL's short one, but where two types would differ in case alone (`UID`, `uid`).
    pub(super) fn name(&self) -> &'static str {
        if self.openssl == "uid" { self.long } else { self.openssl }
    }

    /// That with this object identifier, the content of its DER.
    pub(crate) fn of(oid: &[u8]) -> Option<&'static Self> {
        static BY_OID: LazyLock<HashMap<Vec<u8>, &AttributeType>> = LazyLock::new(|| {
            TYPES.iter().filter_map(|known| Some((content(known.oid)?, known))).collect()
        });
        BY_OID.get(oid).copied()
    }

    /// That with this name in any case, as this program, OpenSSL, Java and people write it.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        let name = ALIASES
            .iter()
            .find(|(alias, _)| alias.eq_ignore_ascii_case(name))
            .map_or(name, |(_, name)| name);
        let is = |known: &&Self| {
            known.name().eq_ignore_ascii_case(name) || known.long.eq_ignore_ascii_case(name)
        };
        TYPES.iter().find(is)
    }
}

/// The content of the DER of an object identifier with dots.
pub(super) fn content(dotted: &str) -> Option<Vec<u8>> {
    let oid: Oid<'_> = dotted.parse().ok()?;
    Some(oid.as_bytes().to_vec())
}

/// Other names in use.
const ALIASES: [(&str, &str); 6] = [
    ("S", "ST"),
    ("E", "emailAddress"),
    ("Email", "emailAddress"),
    ("organizationalUnit", "OU"),
    ("generation", "generationQualifier"),
    ("DN", "distinguishedName"),
];

const fn of(oid: &'static str, openssl: &'static str, long: &'static str) -> AttributeType {
    AttributeType { oid, openssl, long }
}

/// Those that OpenSSL 3.0 knows (`openssl list -objects`): of X.520 and RFC 4519, PKCS #9 (RFC 2985), RFC 4524,
/// RFC 3739, the CA/Browser Forum, Microsoft and the Russian tax office.
#[rustfmt::skip]
const TYPES: &[AttributeType] = &[
    of("0.9.2342.19200300.100.1.1", "UID", "userId"),
    of("0.9.2342.19200300.100.1.2", "textEncodedORAddress", "textEncodedORAddress"),
    of("0.9.2342.19200300.100.1.3", "mail", "rfc822Mailbox"),
    of("0.9.2342.19200300.100.1.4", "info", "info"),
    of("0.9.2342.19200300.100.1.5", "favouriteDrink", "favouriteDrink"),
    of("0.9.2342.19200300.100.1.6", "roomNumber", "roomNumber"),
    of("0.9.2342.19200300.100.1.7", "photo", "photo"),
    of("0.9.2342.19200300.100.1.8", "userClass", "userClass"),
    of("0.9.2342.19200300.100.1.9", "host", "host"),
    of("0.9.2342.19200300.100.1.10", "manager", "manager"),
    of("0.9.2342.19200300.100.1.11", "documentIdentifier", "documentIdentifier"),
    of("0.9.2342.19200300.100.1.12", "documentTitle", "documentTitle"),
    of("0.9.2342.19200300.100.1.13", "documentVersion", "documentVersion"),
    of("0.9.2342.19200300.100.1.14", "documentAuthor", "documentAuthor"),
    of("0.9.2342.19200300.100.1.15", "documentLocation", "documentLocation"),
    of("0.9.2342.19200300.100.1.20", "homeTelephoneNumber", "homeTelephoneNumber"),
    of("0.9.2342.19200300.100.1.21", "secretary", "secretary"),
    of("0.9.2342.19200300.100.1.22", "otherMailbox", "otherMailbox"),
    of("0.9.2342.19200300.100.1.23", "lastModifiedTime", "lastModifiedTime"),
    of("0.9.2342.19200300.100.1.24", "lastModifiedBy", "lastModifiedBy"),
    of("0.9.2342.19200300.100.1.25", "DC", "domainComponent"),
    of("0.9.2342.19200300.100.1.26", "aRecord", "aRecord"),
    of("0.9.2342.19200300.100.1.27", "pilotAttributeType27", "pilotAttributeType27"),
    of("0.9.2342.19200300.100.1.28", "mXRecord", "mXRecord"),
    of("0.9.2342.19200300.100.1.29", "nSRecord", "nSRecord"),
    of("0.9.2342.19200300.100.1.30", "sOARecord", "sOARecord"),
    of("0.9.2342.19200300.100.1.31", "cNAMERecord", "cNAMERecord"),
    of("0.9.2342.19200300.100.1.37", "associatedDomain", "associatedDomain"),
    of("0.9.2342.19200300.100.1.38", "associatedName", "associatedName"),
    of("0.9.2342.19200300.100.1.39", "homePostalAddress", "homePostalAddress"),
    of("0.9.2342.19200300.100.1.40", "personalTitle", "personalTitle"),
    of("0.9.2342.19200300.100.1.41", "mobileTelephoneNumber", "mobileTelephoneNumber"),
    of("0.9.2342.19200300.100.1.42", "pagerTelephoneNumber", "pagerTelephoneNumber"),
    of("0.9.2342.19200300.100.1.43", "friendlyCountryName", "friendlyCountryName"),
    of("0.9.2342.19200300.100.1.44", "uid", "uniqueIdentifier"),
    of("0.9.2342.19200300.100.1.45", "organizationalStatus", "organizationalStatus"),
    of("0.9.2342.19200300.100.1.46", "janetMailbox", "janetMailbox"),
    of("0.9.2342.19200300.100.1.47", "mailPreferenceOption", "mailPreferenceOption"),
    of("0.9.2342.19200300.100.1.48", "buildingName", "buildingName"),
    of("0.9.2342.19200300.100.1.49", "dSAQuality", "dSAQuality"),
    of("0.9.2342.19200300.100.1.50", "singleLevelQuality", "singleLevelQuality"),
    of("0.9.2342.19200300.100.1.51", "subtreeMinimumQuality", "subtreeMinimumQuality"),
    of("0.9.2342.19200300.100.1.52", "subtreeMaximumQuality", "subtreeMaximumQuality"),
    of("0.9.2342.19200300.100.1.53", "personalSignature", "personalSignature"),
    of("0.9.2342.19200300.100.1.54", "dITRedirect", "dITRedirect"),
    of("0.9.2342.19200300.100.1.55", "audio", "audio"),
    of("0.9.2342.19200300.100.1.56", "documentPublisher", "documentPublisher"),
    of("1.2.643.3.131.1.1", "INN", "INN"),
    of("1.2.643.100.1", "OGRN", "OGRN"),
    of("1.2.643.100.3", "SNILS", "SNILS"),
    of("1.2.643.100.5", "OGRNIP", "OGRNIP"),
    of("1.2.840.113549.1.9.1", "emailAddress", "emailAddress"),
    of("1.2.840.113549.1.9.2", "unstructuredName", "unstructuredName"),
    of("1.2.840.113549.1.9.3", "contentType", "contentType"),
    of("1.2.840.113549.1.9.4", "messageDigest", "messageDigest"),
    of("1.2.840.113549.1.9.5", "signingTime", "signingTime"),
    of("1.2.840.113549.1.9.6", "countersignature", "countersignature"),
    of("1.2.840.113549.1.9.7", "challengePassword", "challengePassword"),
    of("1.2.840.113549.1.9.8", "unstructuredAddress", "unstructuredAddress"),
    of("1.2.840.113549.1.9.9", "extendedCertificateAttributes", "extendedCertificateAttributes"),
    of("1.2.840.113549.1.9.20", "friendlyName", "friendlyName"),
    of("1.2.840.113549.1.9.21", "localKeyID", "localKeyID"),
    of("1.3.6.1.4.1.311.20.2.3", "msUPN", "msUPN"),
    of("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL", "jurisdictionLocalityName"),
    of("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST", "jurisdictionStateOrProvinceName"),
    of("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC", "jurisdictionCountryName"),
    of("1.3.6.1.5.5.7.9.1", "id-pda-dateOfBirth", "id-pda-dateOfBirth"),
    of("1.3.6.1.5.5.7.9.2", "id-pda-placeOfBirth", "id-pda-placeOfBirth"),
    of("1.3.6.1.5.5.7.9.3", "id-pda-gender", "id-pda-gender"),
    of("1.3.6.1.5.5.7.9.4", "id-pda-countryOfCitizenship", "id-pda-countryOfCitizenship"),
    of("1.3.6.1.5.5.7.9.5", "id-pda-countryOfResidence", "id-pda-countryOfResidence"),
    of("2.5.4.3", "CN", "commonName"),
    of("2.5.4.4", "SN", "surname"),
    of("2.5.4.5", "serialNumber", "serialNumber"),
    of("2.5.4.6", "C", "countryName"),
    of("2.5.4.7", "L", "localityName"),
    of("2.5.4.8", "ST", "stateOrProvinceName"),
    of("2.5.4.9", "street", "streetAddress"),
    of("2.5.4.10", "O", "organizationName"),
    of("2.5.4.11", "OU", "organizationalUnitName"),
    of("2.5.4.12", "title", "title"),
    of("2.5.4.13", "description", "description"),
    of("2.5.4.14", "searchGuide", "searchGuide"),
    of("2.5.4.15", "businessCategory", "businessCategory"),
    of("2.5.4.16", "postalAddress", "postalAddress"),
    of("2.5.4.17", "postalCode", "postalCode"),
    of("2.5.4.18", "postOfficeBox", "postOfficeBox"),
    of("2.5.4.19", "physicalDeliveryOfficeName", "physicalDeliveryOfficeName"),
    of("2.5.4.20", "telephoneNumber", "telephoneNumber"),
    of("2.5.4.21", "telexNumber", "telexNumber"),
    of("2.5.4.22", "teletexTerminalIdentifier", "teletexTerminalIdentifier"),
    of("2.5.4.23", "facsimileTelephoneNumber", "facsimileTelephoneNumber"),
    of("2.5.4.24", "x121Address", "x121Address"),
    of("2.5.4.25", "internationaliSDNNumber", "internationaliSDNNumber"),
    of("2.5.4.26", "registeredAddress", "registeredAddress"),
    of("2.5.4.27", "destinationIndicator", "destinationIndicator"),
    of("2.5.4.28", "preferredDeliveryMethod", "preferredDeliveryMethod"),
    of("2.5.4.29", "presentationAddress", "presentationAddress"),
    of("2.5.4.30", "supportedApplicationContext", "supportedApplicationContext"),
    of("2.5.4.31", "member", "member"),
    of("2.5.4.32", "owner", "owner"),
    of("2.5.4.33", "roleOccupant", "roleOccupant"),
    of("2.5.4.34", "seeAlso", "seeAlso"),
    of("2.5.4.35", "userPassword", "userPassword"),
    of("2.5.4.36", "userCertificate", "userCertificate"),
    of("2.5.4.37", "cACertificate", "cACertificate"),
    of("2.5.4.38", "authorityRevocationList", "authorityRevocationList"),
    of("2.5.4.39", "certificateRevocationList", "certificateRevocationList"),
    of("2.5.4.40", "crossCertificatePair", "crossCertificatePair"),
    of("2.5.4.41", "name", "name"),
    of("2.5.4.42", "GN", "givenName"),
    of("2.5.4.43", "initials", "initials"),
    of("2.5.4.44", "generationQualifier", "generationQualifier"),
    of("2.5.4.45", "x500UniqueIdentifier", "x500UniqueIdentifier"),
    of("2.5.4.46", "dnQualifier", "dnQualifier"),
    of("2.5.4.47", "enhancedSearchGuide", "enhancedSearchGuide"),
    of("2.5.4.48", "protocolInformation", "protocolInformation"),
    of("2.5.4.49", "distinguishedName", "distinguishedName"),
    of("2.5.4.50", "uniqueMember", "uniqueMember"),
    of("2.5.4.51", "houseIdentifier", "houseIdentifier"),
    of("2.5.4.52", "supportedAlgorithms", "supportedAlgorithms"),
    of("2.5.4.53", "deltaRevocationList", "deltaRevocationList"),
    of("2.5.4.54", "dmdName", "dmdName"),
    of("2.5.4.65", "pseudonym", "pseudonym"),
    of("2.5.4.72", "role", "role"),
    of("2.5.4.97", "organizationIdentifier", "organizationIdentifier"),
    of("2.5.4.98", "c3", "countryCode3c"),
    of("2.5.4.99", "n3", "countryCode3n"),
    of("2.5.4.100", "dnsName", "dnsName"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_type_is_found_by_its_names_and_its_number_and_no_two_have_one_name() {
        let mut names = HashSet::new();
        for known in TYPES {
            let is_known =
                |found: Option<&AttributeType>| found.is_some_and(|found| found.oid == known.oid);
            assert!(is_known(AttributeType::of(&content(known.oid).unwrap())), "{known:?}");
            for name in [known.name(), known.long, &known.name().to_uppercase()] {
                assert!(is_known(AttributeType::named(name)), "{known:?}: {name}");
            }
            for name in HashSet::from([known.name().to_lowercase(), known.long.to_lowercase()]) {
                assert!(names.insert(name), "{known:?}");
            }
        }
        for (alias, name) in ALIASES {
            assert!(!names.contains(&alias.to_lowercase()), "{alias}");
            assert_eq!(AttributeType::named(alias).unwrap().name(), name);
        }
    }
}
