"""Certificates and CRLs as plain data, and code that writes them to files."""

import copy
import datetime
import ipaddress
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
COMMON_NAME, EMAIL_ADDRESS = "2.5.4.3", "1.2.840.113549.1.9.1"
USAGES = "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign " \
    "crl_sign encipher_only decipher_only".split()
PURPOSES = {
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "any": ObjectIdentifier("2.5.29.37.0"),
}
NAMES = {
    "dns": x509.DNSName,
    "email": x509.RFC822Name,
    "uri": x509.UniformResourceIdentifier,
    "ip": lambda text: x509.IPAddress(
        ipaddress.ip_network(text) if "/" in text else ipaddress.ip_address(text)
    ),
    "dir": lambda text: x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])),
}


@dataclass
class Name:
    """A distinguished name: attributes in order, each with its ASN.1 string type."""

    attributes: list  # of (OID, text, name of an _ASN1Type); all of it text, so that it can be copied

    @classmethod
    def of(cls, *texts):
        return cls([(COMMON_NAME, text, "UTF8String") for text in texts])

    def key(self):
        """A key that is equal for names that are equal by RFC 5280 section 7.1."""
        return tuple((oid, " ".join(text.lower().split())) for oid, text, _ in self.attributes)

    def x509(self):
        attribute = lambda oid, text, kind: x509.NameAttribute(ObjectIdentifier(oid), text, _ASN1Type[kind])
        return x509.Name([attribute(*each) for each in self.attributes])


@dataclass
class Certificate:
    """A certificate; days count from now."""

    label: str
    subject: Name
    key: int
    issuer: Name
    signer: int
    serial: int
    ca: object = None  # None: no basicConstraints; False; True
    path_length: object = None
    usage: object = None
    purposes: object = None
    permitted: list = field(default_factory=list)  # of (kind, text)
    excluded: list = field(default_factory=list)
    sans: list = field(default_factory=list)
    points: list = field(default_factory=list)  # URLs
    extensions: list = field(default_factory=list)  # of (OID, critical, DER)
    policies: bool = False
    key_id: str = "right"  # or "wrong" or "none"
    begin: int = -10
    end: int = 300

    def is_self_issued(self):
        return self.subject.key() == self.issuer.key()

    def is_self_signed(self):
        return self.is_self_issued() and self.key == self.signer

    def issued(self, other):
        return self.subject.key() == other.issuer.key() and self.key == other.signer


@dataclass
class Crl:
    """A CRL; days count from now."""

    issuer: Name
    signer: int
    revoked: list = field(default_factory=list)  # serials
    number: int = 1
    begin: int = -5
    end: int = 30
    point: object = None  # URL
    users_only: bool = False
    cas_only: bool = False


@dataclass
class Chain:
    """A client's chain, and the configuration that decides about it."""

    leaf: Certificate
    sent: list = field(default_factory=list)
    configured: list = field(default_factory=list)
    crls: object = None  # None: not checked
    faults: list = field(default_factory=list)  # the changes, for people

    def without(self, kinds):
        """The same chain without the intended differences of these kinds."""
        chain = copy.deepcopy(self)
        for certificate in [chain.leaf, *chain.sent, *chain.configured]:
            if "key-id" in kinds:
                certificate.key_id = "right"
        if "own-list" in kinds and chain.crls:
            for root in chain.configured:
                if root.is_self_signed():
                    chain.take_off_own_list(root)
        return chain

    def take_off_own_list(self, root):
        """Leaves `root` only an empty CRL for itself, with a distribution point that no other certificate names."""
        for crl in self.crls:
            if crl.signer == root.key:
                crl.revoked = [serial for serial in crl.revoked if serial != root.serial]
        url = "http://crl.test/own"
        for ca in [*self.configured, *self.sent]:
            if ca == root:
                ca.points = [url]
        self.crls.append(Crl(root.subject, root.key, point=url))


class Maker:
    """Makes PEM from the data; the keys follow from the seed."""

    def __init__(self, rng, keys):
        self.keys = [ec.derive_private_key(rng.randrange(1, ORDER), ec.SECP256R1()) for _ in range(keys)]
        self.now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, microsecond=0)

    def day(self, number):
        return self.now + datetime.timedelta(days=number)

    def certificate(self, said):
        public = self.keys[said.key].public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(said.subject.x509())
            .issuer_name(said.issuer.x509())
            .public_key(public)
            .serial_number(said.serial)
            .not_valid_before(self.day(said.begin))
            .not_valid_after(self.day(said.end))
        )
        add = lambda extension, critical=False: builder.add_extension(extension, critical)
        builder = add(x509.SubjectKeyIdentifier.from_public_key(public))
        if said.key_id == "right":
            signer = self.keys[said.signer].public_key()
            builder = add(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer))
        elif said.key_id == "wrong":
            builder = add(x509.AuthorityKeyIdentifier(b"\x17" * 20, None, None))
        if said.ca is not None:
            builder = add(x509.BasicConstraints(said.ca, said.path_length if said.ca else None), True)
        if said.usage is not None:
            builder = add(x509.KeyUsage(**{usage: usage in said.usage for usage in USAGES}), True)
        if said.purposes is not None:
            builder = add(x509.ExtendedKeyUsage([PURPOSES[purpose] for purpose in said.purposes]))
        if said.sans:
            builder = add(x509.SubjectAlternativeName([NAMES[kind](text) for kind, text in said.sans]))
        if said.permitted or said.excluded:
            subtrees = [[NAMES[kind](text) for kind, text in names] for names in (said.permitted, said.excluded)]
            builder = add(x509.NameConstraints(*[names or None for names in subtrees]), True)
        if said.points:
            point = lambda url: x509.DistributionPoint([NAMES["uri"](url)], None, None, None)
            builder = add(x509.CRLDistributionPoints([point(url) for url in said.points]))
        if said.policies:
            policy = x509.PolicyInformation(ObjectIdentifier("2.5.29.32.0"), None)
            builder = add(x509.CertificatePolicies([policy]), True)
        for oid, critical, der in said.extensions:
            builder = add(x509.UnrecognizedExtension(ObjectIdentifier(oid), der), critical)
        made = builder.sign(self.keys[said.signer], hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)

    def crl(self, said):
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(said.issuer.x509())
            .last_update(self.day(said.begin))
            .next_update(self.day(said.end))
        )
        for serial in said.revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(self.day(-6))
            builder = builder.add_revoked_certificate(entry.build())
        key = self.keys[said.signer]
        builder = builder.add_extension(x509.CRLNumber(said.number), False)
        key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        builder = builder.add_extension(key_id, False)
        if said.point or said.users_only or said.cas_only:
            point = [NAMES["uri"](said.point)] if said.point else None
            scope = x509.IssuingDistributionPoint(
                point, None, said.users_only, said.cas_only, None, False, False
            )
            builder = builder.add_extension(scope, True)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
