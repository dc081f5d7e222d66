"""Servers that misbehave as no HTTP library would let them: plain sockets on loopback, each connection in a thread."""

from __future__ import annotations

import datetime
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script: TypeAlias = Callable[["Server", socket.socket, bytes], "bool | None"]
PAUSE = 0.03  # seconds between the bytes of a drip


@dataclass
class Server:
    """What a raw server saw, and how it answers. Its script gets each request; False ends the connection."""

    script: Script
    port: int
    scheme: str = "http"
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    held: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/profile"

    def drip(self, connection: socket.socket, data: bytes) -> None:
        """Send byte by byte, each well within any read timeout."""
        for byte in data:
            connection.sendall(bytes([byte]))
            if self.stopping.wait(PAUSE):
                return


@contextmanager
def raw_server(script: Script, *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(script, listener.getsockname()[1], "https" if tls else "http")
        threads: list[threading.Thread] = []

        def accept() -> None:
            while not server.stopping.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                if server.stopping.is_set():
                    connection.close()
                    return
                server.connections += 1
                thread = threading.Thread(target=_serve, args=(server, connection, tls))
                threads.append(thread)
                thread.start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            server.stopping.set()
            for held in server.held:
                with suppress(OSError):
                    held.shutdown(socket.SHUT_RDWR)
            with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1):
                pass  # wakes `accept`
            accepting.join(5)
            for thread in threads:
                thread.join(5)


def _serve(server: Server, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
    connection.settimeout(5)
    with ExitStack() as stack, suppress(OSError):
        stack.enter_context(connection)
        if tls:
            connection = stack.enter_context(tls.wrap_socket(connection, server_side=True))
        server.held.append(connection)
        while (request := _read_request(connection)) is not None:
            server.requests.append(request)
            if server.script(server, connection, request) is False:
                return


def _read_request(connection: socket.socket) -> bytes | None:
    data = b""
    while received := connection.recv(65_536):
        data += received
        head, end, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if end and len(body) >= int(length[1] if length else 0):
            return data
    return None


def answer(body: bytes = b'{"id": 1}', *, status: str = "200 OK", headers: str = "", cut: int | None = None) -> Script:
    """A script that answers every request alike, and keeps the connection."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"

    def script(server: Server, connection: socket.socket, request: bytes) -> None:
        connection.sendall(head.encode() + body[:cut])

    return script


@dataclass(frozen=True)
class Authority:
    """A certificate authority of a test's own."""

    folder: Path
    name: str = "ca"

    def __post_init__(self) -> None:
        self.make_certificate(self.name, issuer=self.name)

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def server_context(self, *hosts: str, issuer: str | None = None, expired: bool = False) -> ssl.SSLContext:
        """A server's side, with a certificate for these hosts; by this authority unless another is named."""
        name = "-".join(hosts).replace(":", "")
        file = self.make_certificate(name, *hosts, issuer=issuer or self.name, expired=expired)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def make_certificate(self, name: str, *hosts: str, issuer: str, expired: bool = False) -> Path:
        """A certificate and its key in one file; signed by itself where it is its own issuer."""
        key = ec.generate_private_key(ec.SECP256R1())
        file = self.folder / f"{name}.pem"
        signer = key
        if issuer != name:
            signer = serialization.load_pem_private_key((self.folder / f"{issuer}.pem").read_bytes(), None)
        now = datetime.datetime.now(datetime.UTC)
        end = now + datetime.timedelta(hours=-1 if expired else 1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=2))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=not hosts, path_length=None), critical=True)
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        certificate = builder.sign(signer, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        return file


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
