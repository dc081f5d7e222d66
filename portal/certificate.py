"""Makes a certificate for this machine's own names, and the server's side of TLS with it. It serves nothing.

The certificate is new each time and trusted by nobody: a browser asks about it, once. The private key is never on a
disk in clear and ends with the process, so that whoever finds the folder later can't pass for this machine.
"""

from __future__ import annotations

import secrets
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=7)
_BEHIND = timedelta(minutes=5)  # a container's clock and its host's browser may differ by a little
_NAMES = (
    x509.DNSName("localhost"),  # browsers read these names only, not the subject's
    x509.IPAddress(ip_address("127.0.0.1")),
    x509.IPAddress(ip_address("::1")),
)


@dataclass(frozen=True, slots=True)
class LocalCertificate:
    """A certificate for localhost, 127.0.0.1 and ::1, with its key. `pem` is the public half, as in a file."""

    pem: bytes
    fingerprint: str  # SHA-256, as browsers show it: pairs of capitals with colons between
    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    def server_context(self) -> ssl.SSLContext:
        """TLS 1.2 and up with this certificate, for a server."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        # `ssl` reads keys from files only. What lies there for a moment is sealed under a password kept nowhere.
        password = secrets.token_bytes(32).hex().encode()
        sealed = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
        with TemporaryDirectory(prefix="portal-") as folder:  # of mode 0700
            chain = Path(folder, "chain.pem")
            chain.write_bytes(self.pem + sealed)
            context.load_cert_chain(chain, password=password)
        return context


def make_certificate(now: datetime | None = None) -> LocalCertificate:
    """A new key and a certificate that it signed itself, good for a week from `now` and for nothing but serving."""
    begins = (now or datetime.now(UTC)) - _BEHIND
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost (made by manage.py run --https)")])
    public = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    extensions: list[tuple[x509.ExtensionType, bool]] = [  # with whether a reader must understand it
        (x509.SubjectAlternativeName(_NAMES), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),  # trusted by mistake, it still vouches for no other
        (_only_signs(), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),  # macOS asks for it
        (public, False),
    ]
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),  # Firefox refuses a second certificate of one issuer and number
        not_valid_before=begins,
        not_valid_after=begins + LIFE,
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    certificate = builder.sign(key, hashes.SHA256())
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    return LocalCertificate(certificate.public_bytes(Encoding.PEM), fingerprint, key)


def _only_signs() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
