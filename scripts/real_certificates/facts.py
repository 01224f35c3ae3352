"""The facts of a certificate, from `openssl x509` and from `clawgate explain --json`, in one form."""
import ipaddress
import re

from run import openssl

# As RFC 2253, but bytes over 127 are not escaped.
NAME_FORM = "esc_2253,esc_ctrl,utf8,dump_nostr,dump_unknown,dump_der,sep_comma_plus,dn_rev,sname"
CURVES = {"prime256v1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
KEY_USAGES = {
    "Digital Signature": "digitalSignature", "Non Repudiation": "nonRepudiation", "Key Encipherment": "keyEncipherment",
    "Data Encipherment": "dataEncipherment", "Key Agreement": "keyAgreement", "Certificate Sign": "keyCertSign",
    "CRL Sign": "cRLSign", "Encipher Only": "encipherOnly", "Decipher Only": "decipherOnly",
}
PURPOSES = {
    "TLS Web Server Authentication": "serverAuth", "TLS Web Client Authentication": "clientAuth",
    "Code Signing": "codeSigning", "E-mail Protection": "emailProtection", "Time Stamping": "timeStamping",
    "OCSP Signing": "OCSPSigning", "Any Extended Key Usage": "anyExtendedKeyUsage",
    # clawgate has no names for these.
    "Netscape Server Gated Crypto": "2.16.840.1.113730.4.1", "Microsoft Commercial Code Signing": "1.3.6.1.4.1.311.2.1.22",
}
SAN_KINDS = {"DNS": "dns", "email": "email", "URI": "uri", "IP Address": "ip", "DirName": "dirName", "othername": "otherName",
             "Registered ID": "RID", "X400Name": "x400Address", "EdiPartyName": "ediPartyName"}


def by_openssl(pem):
    """The facts from OpenSSL; None if it cannot read the certificate."""
    ran = openssl("x509", "-noout", "-subject", "-issuer", "-serial", "-dates", "-dateopt", "iso_8601", "-fingerprint",
                  "-sha256", "-nameopt", NAME_FORM, data=pem)
    if ran.code:
        return None
    lines = dict(line.split("=", 1) for line in ran.out.splitlines() if "=" in line)
    text = openssl("x509", "-noout", "-text", "-certopt", "no_sigdump,no_issuer,no_subject", data=pem).out
    return {
        "subject": name(lines["subject"]),
        "issuer": name(lines["issuer"]),
        "serial": serial(lines["serial"]),
        "not_before": lines["notBefore"].replace(" ", "T"),
        "not_after": lines["notAfter"].replace(" ", "T"),
        "fingerprint_sha256": lines["sha256 Fingerprint"].replace(":", "").lower(),
        "version": version(text),
        "key": openssl_key(text),
        "key_usage": listed(extension(text, "Key Usage"), KEY_USAGES),
        "eku": listed(extension(text, "Extended Key Usage"), PURPOSES),
        "san": alternative_names(extension(text, "Subject Alternative Name")),
    }


def by_clawgate(certificate):
    """The same facts from `certificate` in the output of `explain --json`."""
    return {
        "subject": name(certificate["subject"]),
        "issuer": name(certificate["issuer"]),
        "serial": serial(certificate["serial"]),
        "not_before": certificate["not_before"],
        "not_after": certificate["not_after"],
        "fingerprint_sha256": certificate["fingerprint_sha256"],
        "version": certificate["version"],
        "key": certificate["key"].removeprefix("OID "),
        "key_usage": sorted(certificate["key_usage"] or []),
        "eku": sorted(certificate["eku"]),
        "san": sorted(alternative_name(*entry.split(":", 1)) for entry in certificate["san"]),
    }


def name(text):
    """A name (RFC 4514) as its attributes, each a type and a value without escapes."""
    attributes = []
    for part in re.findall(r"(?:\\.|[^,+\\])+", text):
        kind, _, value = part.partition("=")
        attributes.append((kind, unescaped(value)))
    return attributes


def unescaped(value):
    """A value without the escapes of RFC 4514 2.4."""
    raw = re.sub(rb"\\([0-9A-Fa-f]{2}|.)", lambda found: bytes.fromhex(found[1].decode()) if len(found[1]) == 2
                 else found[1], value.encode(errors="surrogateescape"), flags=re.S)
    return raw.decode(errors="replace").lower() if value.startswith("#") else raw.decode(errors="replace")


def serial(text):
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    return sign + (digits.lower().lstrip("0") or "0")


def openssl_key(text):
    algorithm = re.search(r"Public Key Algorithm: (\S+)", text).group(1)
    bits = re.search(r"Public-Key: \((\d+) bit", text)
    if curve := re.search(r"ASN1 OID: (\S+)", text):
        return "ECDSA " + CURVES.get(curve.group(1), curve.group(1))
    names = {"rsaEncryption": "RSA", "rsassaPss": "RSA-PSS", "dsaEncryption": "DSA", "ED25519": "Ed25519", "ED448": "Ed448",
             "GOST": "gostR3410-2001"}
    kind = names.get(algorithm, algorithm)
    if kind == "id-ecPublicKey":
        return "ECDSA with unnamed curve"
    return f"{kind} {bits.group(1)}" if bits and kind in ("RSA", "RSA-PSS", "DSA") else kind


def extension(text, title):
    """The first line of an extension's value, or an empty text."""
    found = re.search(rf"X509v3 {title}:.*\n\s+(.*)", text)
    return found.group(1).strip() if found else ""


def listed(text, names):
    """The names of a list; None if OpenSSL prints bytes because it cannot read the extension."""
    return None if is_raw(text) else sorted(names.get(word, word) for word in text.split(", ") if word)


def alternative_names(text):
    """The names of a list as OpenSSL prints it: `DNS:a.example, IP Address:192.0.2.1`."""
    starts = list(re.finditer(rf"(?:^|, )({'|'.join(SAN_KINDS)}):", text))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    names = [alternative_name(SAN_KINDS[start[1]], text[start.end():end]) for start, end in zip(starts, ends)]
    return None if is_raw(text) else sorted(names)


def alternative_name(kind, value):
    """Kind and value; only the kind, if OpenSSL and clawgate write the value in different forms."""
    if kind == "ip":
        value = str(ipaddress.ip_address(value))
    return (kind, value if kind in ("dns", "email", "uri", "ip", "RID") else "")


def is_raw(text):
    """Whether the text is the bytes of a SEQUENCE, the first of which is an ASCII zero."""
    return text.startswith("0") and ":" not in text


def version(text):
    """The version of X.509. For an unknown one OpenSSL prints the number in the certificate, which is one less."""
    unknown, number = re.search(r"Version: (Unknown \()?(-?\d+)", text).groups()
    return int(number) + (1 if unknown else 0)
