"""Python's requests. Prints the status and the body of the answer, or the exception.

usage: requests_client.py TLS-VERSION CA CERT-OR-EMPTY KEY-OR-EMPTY METHOD URL BODY-BYTES
"""

import ssl
import sys

import requests
from requests.adapters import HTTPAdapter

version, ca, cert, key, method, url, length = sys.argv[1:]


class Pinned(HTTPAdapter):
    """Speaks one version of TLS."""

    def init_poolmanager(self, *arguments, **named):
        context = ssl.create_default_context(cafile=ca or None)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[f"TLSv{version.replace('.', '_')}"]
        if cert:
            context.load_cert_chain(cert, key)
        super().init_poolmanager(*arguments, ssl_context=context, **named)


session = requests.Session()
session.mount("https://", Pinned())
session.trust_env = False
try:
    answer = session.request(method, url, data=b" " * int(length), verify=ca or True)
    print("HTTP", answer.status_code, answer.text)
except requests.exceptions.RequestException as error:
    print(f"{type(error).__module__}.{type(error).__name__}: {error}")
