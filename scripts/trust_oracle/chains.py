"""Random chains: a good one, changed in a few places."""

import copy

from pki import EMAIL_ADDRESS, Certificate, Chain, Crl, Name

KEYS = 12
KINDS = ["UTF8String", "PrintableString", "BMPString", "T61String"]
HOSTS = ["a.good.test", "good.test", "b.other.test", "evilgood.test", "x.a.good.test", "B.OTHER.test"]
URLS = ["http://crl.test/1", "http://crl.test/2"]
UNKNOWN = "1.3.6.1.4.1.99999.7"
NETSCAPE_TYPE = "2.16.840.1.113730.1.1"
SUBTREES = [
    ("dns", "good.test"), ("dns", ".good.test"), ("dns", "other.test"), ("email", "good.test"), ("dir", "Example"),
    ("uri", "good.test"), ("ip", "10.0.0.0/8"),
]


def respelled(rng, name):
    """The same name in another spelling."""
    change = lambda text: rng.choice([str.upper, str.lower, lambda t: f" {t}", lambda t: t.replace(" ", "  ")])(text)
    return Name([(oid, change(text), rng.choice(KINDS)) for oid, text, _ in name.attributes])


class Draft:
    """A chain that is being built, with its random choices."""

    def __init__(self, rng):
        self.rng = rng
        self.serials = iter(rng.sample(range(2, 1 << 60), 64))
        self.free = list(range(KEYS))
        depth = rng.choice([0, 1, 1, 1, 2, 2, 3])
        self.cas = [self.ca("Root 0", None)]
        for level in range(1, depth + 1):
            self.cas.append(self.ca(f"Issuing {level}", self.cas[-1]))
        above = self.cas[-1]
        self.leaf = Certificate(
            "leaf", Name.of("client"), self.free.pop(), above.subject, above.key, next(self.serials),
            ca=rng.choice([None, False]), usage={"digital_signature"}, purposes=["client"],
        )
        self.leaf.sans = rng.choice([[], [("dns", "a.good.test")], [("uri", "urn:x")]])
        self.more = []  # further certificates that the client sends
        self.roots = []  # further configured CAs
        self.missing = []  # CAs that the client does not send
        self.faults = []
        self.crls = None
        self.mode = rng.choices(["root", "issuing", "both", "gap"], [6, 2, 3, 1])[0] if depth else "root"
        # How many CAs from the root down are also configured, as in a chain file.
        self.upper = rng.randint(1, depth) if self.mode == "both" else int(self.mode in ("root", "gap"))
        self.checks = rng.random() < 0.5
        if self.checks:
            self.crls = [Crl(ca.subject, ca.key) for ca in self.cas]

    def ca(self, name, above):
        key, subject = self.free.pop(), Name.of(name)
        issuer, signer = (above.subject, above.key) if above else (subject, key)
        usage = {"key_cert_sign", "crl_sign"}
        return Certificate(name, subject, key, issuer, signer, next(self.serials), ca=True, usage=usage)

    def change(self):
        """Makes a random change, which may be a fault or not."""
        kinds = [change_ca] * 10 + [change_leaf] * 6 + [change_shape] * 4 + [change_crl] * (8 if self.checks else 0)
        what = self.rng.choice(kinds)(self, self.rng)
        if what:
            self.faults.append(what)

    def chain(self):
        rng = self.rng
        issuing = self.cas[1:]
        lower = self.cas[self.upper : self.upper + 1] if self.mode == "both" else issuing[-1:]
        lower = [] if self.mode == "root" else lower
        configured = [*self.cas[: self.upper], *lower]
        sent = [ca for ca in issuing if ca not in self.missing] + self.more
        if rng.random() < 0.3:
            sent.append(self.cas[0])
        rng.shuffle(sent)
        configured += self.roots
        rng.shuffle(configured)
        crls = None if self.crls is None else rng.sample(self.crls, len(self.crls))
        return Chain(self.leaf, sent, configured, crls, [self.mode, *self.faults])


def extend(certificate, oid, critical, der):
    """Replaces the certificate's extension with that OID."""
    others = [extension for extension in certificate.extensions if extension[0] != oid]
    certificate.extensions = [*others, (oid, critical, der)]


def may_be_at_fault(draft, ca):
    """OpenSSL looks a configured CA up in CRLs only on the path to a root, whose own faults do not matter here."""
    return not (draft.mode in ("both", "gap") and draft.checks and ca in draft.cas[: draft.upper])


def change_ca(draft, rng):
    cas = [ca for ca in [*draft.cas, *draft.more, *draft.roots] if may_be_at_fault(draft, ca)]
    ca = rng.choice(cas)
    kind = rng.randrange(16)
    if kind == 0:
        ca.begin, ca.end = -10, -1
    elif kind == 1:
        ca.begin, ca.end = 2, 300
    elif kind in (2, 3):
        ca.path_length = rng.choice([0, 0, 1, 2])
    elif kind == 4:
        ca.ca = rng.choice([None, False])
    elif kind == 5:
        ca.usage = rng.choice([{"digital_signature", "crl_sign"}, {"crl_sign"}, {"digital_signature"}])
    elif kind == 6:
        ca.usage = rng.choice([None, {"key_cert_sign"}])
    elif kind in (7, 8):
        ca.purposes = rng.choice([["server"], ["client"], ["any"], ["client", "server"], ["any", "server"]])
    elif kind == 9:
        extend(ca, UNKNOWN, rng.random() < 0.7, b"\x05\x00")
    elif kind == 10:
        ca.policies = True
    elif kind in (11, 12):
        ca.permitted = rng.sample(SUBTREES, rng.choice([1, 1, 2]))
    elif kind == 13:
        ca.excluded = rng.sample(SUBTREES, rng.choice([1, 1, 2]))
    elif kind == 14:
        ca.key_id = rng.choice(["wrong", "none"])
    else:
        ca.issuer = respelled(rng, ca.issuer)
    return f"{ca.label}:{kind}"


def change_leaf(draft, rng):
    leaf = draft.leaf
    kind = rng.randrange(14)
    if kind == 0:
        leaf.begin, leaf.end = -10, -1
    elif kind == 1:
        leaf.begin, leaf.end = 2, 300
    elif kind == 2:
        leaf.purposes = rng.choice([None, ["server"], ["any"], ["client", "server"]])
    elif kind == 3:
        leaf.usage = rng.choice([None, {"key_agreement"}, {"key_encipherment"}, {"digital_signature", "key_cert_sign"}])
    elif kind == 4:
        leaf.ca = True
    elif kind == 5:
        extend(leaf, UNKNOWN, rng.random() < 0.7, b"\x05\x00")
    elif kind in (6, 7, 8):
        leaf.subject = Name.of(*rng.sample([*HOSTS, "client", "Mr. Smith", "*.good.test"], rng.choice([1, 1, 2])))
        constrain(draft, rng)
    elif kind in (9, 10):
        names = [("dns", host) for host in HOSTS]
        names += [("email", "a@good.test"), ("email", "a@other.test"), ("uri", "urn:x"), ("uri", "https://good.test/")]
        leaf.sans = rng.sample([*names, ("ip", "10.0.0.1"), ("ip", "192.0.2.1")], rng.choice([1, 2]))
        constrain(draft, rng)
    elif kind == 11:
        leaf.subject.attributes.append((EMAIL_ADDRESS, f"a@{rng.choice(HOSTS)}", "IA5String"))
        constrain(draft, rng)
    elif kind == 12:
        extend(leaf, NETSCAPE_TYPE, False, rng.choice([b"\x03\x02\x07\x80", b"\x03\x02\x06\x40"]))
    else:
        leaf.key_id = rng.choice(["wrong", "none"])
    return f"leaf:{kind}"


def constrain(draft, rng):
    """Adds name constraints above the changed names."""
    ca = rng.choice(draft.cas)
    if rng.random() < 0.8 and may_be_at_fault(draft, ca):
        names = [subtree for subtree in SUBTREES if subtree[0] in ("dns", "email")]
        rng.choice([ca.permitted, ca.excluded]).append(rng.choice(names))


def change_shape(draft, rng):
    kind = rng.randrange(6)
    issuing = draft.cas[1:]
    if kind == 0 and issuing:
        draft.missing.append(rng.choice(issuing))
    elif kind == 1 and draft.free:
        draft.more.append(draft.ca("Unrelated", None))
    elif kind == 2 and len(draft.free) > 1 and issuing:
        # Another root has also certified one of the CAs.
        root, ca = draft.ca("Root 1", None), rng.choice(issuing)
        cross = copy.deepcopy(ca)
        cross.label += " by Root 1"
        cross.issuer, cross.signer, cross.serial = root.subject, root.key, next(draft.serials)
        draft.more.append(cross)
        draft.roots.append(root)
        if draft.checks and rng.random() < 0.8:
            draft.crls.append(Crl(root.subject, root.key))
    elif kind == 3 and draft.free and issuing:
        # A CA gets a new key and certifies it with the old one.
        at = rng.randrange(1, len(draft.cas))
        old = draft.cas[at]
        new = draft.ca(old.label, old)
        new.label += ", new key"
        below = draft.cas[at + 1] if at + 1 < len(draft.cas) else draft.leaf
        below.signer = new.key
        draft.cas.insert(at + 1, new)
        if draft.checks:
            draft.crls.append(Crl(new.subject, new.key))
    elif kind == 4 and issuing:
        # The same CA in two certificates of one issuer, as after a renewal.
        twin = copy.deepcopy(rng.choice(issuing))
        twin.label += ", renewed"
        twin.serial = next(draft.serials)
        draft.more.append(twin)
    elif kind == 5 and draft.free:
        # Signed by another key under the CA's name.
        rng.choice([draft.leaf, *issuing]).signer = draft.free.pop()
    else:
        return None
    return f"shape:{kind}"


def change_crl(draft, rng):
    if not draft.crls:
        return None
    crl = rng.choice(draft.crls)
    children = [c for c in [draft.leaf, *draft.cas, *draft.more] if c.issuer.key() == crl.issuer.key()]
    kind = rng.randrange(12)
    if kind in (0, 1, 2):
        crl.revoked.extend(child.serial for child in rng.sample(children, min(1, len(children))))
    elif kind == 3:
        crl.revoked.append(next(draft.serials))
    elif kind == 4:
        crl.begin, crl.end = -5, -1
    elif kind == 5:
        crl.begin, crl.end = 2, 30
    elif kind == 6:
        draft.crls.remove(crl)
    elif kind == 7:
        later = copy.deepcopy(crl)
        later.number, later.begin = 2, crl.begin + 1 if crl.begin < 0 else 3
        rng.choice([crl, later]).revoked.extend(child.serial for child in children)
        draft.crls.append(later)
    elif kind == 8:
        crl.users_only, crl.cas_only = rng.choice([(True, False), (False, True)])
    elif kind == 9:
        crl.point = rng.choice(URLS)
        for child in children:
            child.points = rng.choice([[], URLS[:1], URLS[1:], URLS])
    elif kind == 10:
        crl.issuer = respelled(rng, crl.issuer)
    else:
        # A list for users and a list for CAs together cover everything.
        other = copy.deepcopy(crl)
        crl.users_only, crl.cas_only = True, False
        other.users_only, other.cas_only = False, True
        draft.crls.append(other)
    return f"crl:{kind}"


def random_chain(rng):
    draft = Draft(rng)
    for _ in range(rng.choices([0, 1, 2, 3], [15, 40, 30, 15])[0]):
        draft.change()
    return draft.chain()
