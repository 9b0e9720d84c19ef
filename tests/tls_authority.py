"""A certificate authority of the tests' own, and the certificates that it signs; made by `openssl`."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Certificate:
    file: str
    key: str

    def context(self, *, clients: str = "") -> ssl.SSLContext:
        """For a server; `clients` is the authority's file whose certificates clients must show."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        if clients:
            context.load_verify_locations(clients)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class Authority:
    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._directory = directory
        self.file, self._key = str(directory / f"{name}.pem"), str(directory / f"{name}.key")
        named = ("-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        _openssl("req", "-x509", *_KEY, "-days", "2", *named, "-keyout", self._key, "-out", self.file)

    def sign(self, name: str, *names: str, days: int = 2) -> Certificate:
        """For the `names`, such as `DNS:localhost` or `IP:127.0.0.1`."""
        file, key, request, further = (self._directory / f"{name}.{end}" for end in ("pem", "key", "csr", "ext"))
        # As Python 3.13 asks of every certificate: who signed it with which key.
        told = ["basicConstraints=CA:FALSE", "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid,issuer"]
        further.write_text("\n".join([*told, *([f"subjectAltName={','.join(names)}"] if names else []), ""]))
        _openssl("req", "-new", *_KEY, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request))
        signed_by = ("-CA", self.file, "-CAkey", self._key, "-CAcreateserial", "-extfile", str(further))
        _openssl("x509", "-req", "-in", str(request), *signed_by, "-days", str(days), "-out", str(file))
        return Certificate(str(file), str(key))


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
