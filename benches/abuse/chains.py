"""Certificates that clients bring along and that lead nowhere, made with openssl."""
import subprocess


def padding(folder, count, size):
    """`count` certificates, each of about `size` bytes and with a name of its own, as PEM."""
    pem, key = "", folder / "padding.key"
    for number in range(count):
        names = ",".join(f"DNS:{'x' * 50}.{place}" for place in range(size // 56))
        made = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
             "-keyout", key, "-subj", f"/CN=padding {number}", "-addext", f"subjectAltName={names}"],
            check=True, capture_output=True, text=True)
        pem += made.stdout
    return pem


def lengthen(folder, name, new, count, size):
    """A copy of the client `name` that brings `count` certificates of `size` bytes along."""
    (folder / f"{new}.pem").write_text((folder / f"{name}.pem").read_text() + padding(folder, count, size))
    (folder / f"{new}.key").write_text((folder / f"{name}.key").read_text())


# Clients with certificates of one name.
ONE_NAME = 5


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def of_one_name(folder, subject, count):
    """Clients `one-name-0`, `one-name-1` …, whose certificates were issued by `subject`, each with the same `count` certificates
    of `subject`, issued by `subject`, of different keys. Nobody who is trusted has issued any of them."""
    signer, made, request = folder / "one-name.key", folder / "one-name.pem", folder / "one-name.csr"
    own = folder / "one-name.own.key"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", signer)
    openssl("req", "-x509", "-key", signer, "-days", "1", "-subj", f"/CN={subject}", "-out", made)

    def issue(name, key, extension, out):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-addext", extension, "-out", request)
        openssl("x509", "-req", "-in", request, "-copy_extensions", "copy", "-CA", made, "-CAkey", signer, "-days", "1",
                "-out", out)

    above = ""
    for _ in range(count):
        issue(subject, own, "basicConstraints=critical,CA:TRUE", folder / "one-name.one")
        above += (folder / "one-name.one").read_text()
    for number in range(ONE_NAME):
        leaf = folder / f"one-name-{number}.pem"
        issue(f"client {number}", leaf.with_suffix(".key"), "extendedKeyUsage=clientAuth", leaf)
        leaf.write_text(leaf.read_text() + above)


def with_names(folder, name, count):
    """A client of the CA with `count` alternative names."""
    names = ",".join(f"DNS:n.x{number}.example" for number in range(count))
    key, request, made = folder / f"{name}.key", folder / "names.csr", folder / f"{name}.pem"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-out", request)
    openssl("x509", "-req", "-in", request, "-copy_extensions", "copy", "-CA", folder / "ca.pem", "-CAkey",
            folder / "ca.key", "-days", "1", "-out", made)
