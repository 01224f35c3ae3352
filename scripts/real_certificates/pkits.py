"""NIST's Public Key Interoperability Test Suite (PKITS): each test is a chain with its CRLs, which is valid or not.

https://csrc.nist.gov/projects/pki-testing. Each signed message of the suite carries the chain and the CRLs of a test.
"""
import dataclasses
import pathlib
import re

from run import openssl

PASSWORD = "password"
# The names of most tests say whether the chain is valid. The names of these do not: sections 4.8 and 4.12.3 of the suite, with
# its default settings (any policy is accepted, none is required), which are also those of TLS.
VALID = {
    "AllCertificatesSamePolicyTest1", "AllCertificatesNoPoliciesTest2", "DifferentPoliciesTest3", "OverlappingPoliciesTest6",
    "AllCertificatesSamePoliciesTest10", "AllCertificatesAnyPolicyTest11", "AllCertificatesSamePoliciesTest13", "AnyPolicyTest14",
    "UserNoticeQualifierTest15", "UserNoticeQualifierTest16", "UserNoticeQualifierTest17", "UserNoticeQualifierTest18",
    "UserNoticeQualifierTest19", "CPSPointerQualifierTest20", "inhibitAnyPolicyTest3",
}
INVALID = {
    "DifferentPoliciesTest4", "DifferentPoliciesTest5", "DifferentPoliciesTest7", "DifferentPoliciesTest8",
    "DifferentPoliciesTest9", "DifferentPoliciesTest12", "MissingCRLTest1",
}

# The reason that clawgate must give for an invalid chain, by the beginning of the test's name.
REASONS = {
    "InvalidRevoked": "client_cert_revoked", "InvalidLongSerialNumber": "client_cert_revoked",
    "InvalidNegativeSerialNumber": "client_cert_revoked",
    "InvalidEESignature": "client_cert_bad_signature", "InvalidDSASignature": "client_cert_weak_signature",
    "InvalidEEnotAfterDate": "client_cert_expired", "Invalidpre2000UTCEEnotAfterDate": "client_cert_expired",
    "InvalidEEnotBeforeDate": "client_cert_not_yet_valid",
    "InvalidCAnotAfterDate": "client_chain_expired", "InvalidCAnotBeforeDate": "client_chain_expired",
    "InvalidCASignature": "client_chain_invalid", "InvalidcAFalse": "client_chain_invalid",
    "InvalidMissingbasicConstraints": "client_chain_invalid", "InvalidkeyUsageCriticalkeyCertSign": "client_chain_invalid",
    "InvalidkeyUsageNotCriticalkeyCertSign": "client_chain_invalid",
    "InvalidDNnameConstraints": "client_chain_invalid", "InvalidDNSnameConstraints": "client_chain_invalid",
    "InvalidUnknownCriticalCertificateExtension": "client_cert_unsupported",
    "InvalidNameChaining": "client_cert_unknown_ca",
    "InvalidOldCRLnextUpdate": "crl_expired", "Invalidpre2000CRLnextUpdate": "crl_expired",
    "MissingCRL": "crl_unavailable", "InvalidWrongCRL": "crl_unavailable", "InvalidBadCRLIssuerName": "crl_unavailable",
    "InvalidkeyUsageCriticalcRLSign": "crl_unavailable", "InvalidkeyUsageNotCriticalcRLSign": "crl_unavailable",
}


@dataclasses.dataclass
class Test:
    name: str
    valid: bool
    # PEM, the end entity first.
    chain: list
    crls: list
    key: bytes

    def reason(self):
        """The reason that clawgate must give; None if several reasons would be right."""
        return next((reason for start, reason in REASONS.items() if self.name.startswith(start)), None)


class Suite:
    """The tests below a folder with the suite's data (`certs`, `crls`, `pkcs12`, `smime`)."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.root = pem_certificate((self.folder / "certs/TrustAnchorRootCertificate.crt").read_bytes())
        self.keys = {pem_certificate(file.read_bytes()): file.stem for file in sorted((self.folder / "certs").glob("*EE.crt"))}

    def messages(self):
        """The file of each test."""
        return sorted((self.folder / "smime").glob("*.eml"))

    def test(self, message):
        name = message.stem.removeprefix("Signed")
        text = openssl("pkcs7", "-print_certs", data=openssl("smime", "-pk7out", "-in", message).out.encode()).out
        certificates, crls = blocks(text, "CERTIFICATE"), blocks(text, "X509 CRL")
        own = [pem for pem in certificates if pem in self.keys]
        if len(own) != 1:
            raise SystemExit(f"{message}: {len(own)} end-entity certificates instead of one")
        others = [pem for pem in certificates if pem not in own and pem != self.root]
        return Test(name, is_valid(name), own + others, crls, self.key(self.keys[own[0]]))

    def key(self, name):
        return openssl("pkcs12", "-in", self.folder / f"pkcs12/{name}.p12", "-passin", f"pass:{PASSWORD}", "-nodes",
                       "-nocerts").out.encode()


def is_valid(name):
    if name in VALID or name.startswith("Valid"):
        return True
    if name in INVALID or name.startswith("Invalid"):
        return False
    raise SystemExit(f"{name}: a test of PKITS that nothing is known of")


def pem_certificate(der):
    return blocks(openssl("x509", "-inform", "DER", data=der).out, "CERTIFICATE")[0]


def blocks(text, label):
    return re.findall(rf"-----BEGIN {label}-----\n.*?-----END {label}-----\n", text, re.S)


def departures(page):
    """The tests in docs/pkits.md, each with clawgate's result."""
    told = {}
    for line in pathlib.Path(page).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and "`" in cells[1]:
            for name in re.findall(r"`(\w+)`", cells[0]):
                told[name] = cells[1].strip("`")
    return told
