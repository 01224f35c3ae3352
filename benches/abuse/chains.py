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
