"""Database servers that demand TLS, as those of RDS can, with certificates made for the test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy.engine import make_url

from tests.support.databases import NOBODY, Server, mariadb, postgresql

PASSWORD = "p@ss#w/rd%41"
ENCODED = "p%40ss%23w%2Frd%2541"


@dataclass
class TlsServer:
    """``url``: of a user who has PASSWORD and needs TLS. ``authority``: the certificate that signed
    the server's; ``stranger``: one that did not."""

    server: Server
    url: str
    authority: Path
    stranger: Path


def make_authority(path: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Make a certificate that may sign others, and write it to ``path``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, path.stem)])
    built = _builder(name, name, key).add_extension(x509.BasicConstraints(True, None), True)
    signs = x509.KeyUsage(*(n == 5 for n in range(9)))
    certificate = built.add_extension(signs, True).sign(key, hashes.SHA256())
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def make_server_files(folder: Path) -> None:
    """Write server.pem and server.key, for 127.0.0.1, and the authority's authority.pem."""
    authority, signer = make_authority(folder / "authority.pem")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "database")])
    hosts = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    built = _builder(name, authority.subject, key).add_extension(hosts, False)
    certificate = built.sign(signer, hashes.SHA256())
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    (folder / "server.key").chmod(0o600)
    if os.geteuid() == 0:
        for path in (folder, folder / "server.pem", folder / "server.key"):
            os.chown(path, NOBODY, NOBODY)


def _builder(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


@contextmanager
def tls_server(kind: str) -> Iterator[TlsServer]:
    """Run a server of this kind that lets its user log in by TLS alone, and with a password."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tls-")))
        folder.chmod(0o755)
        make_server_files(folder)
        make_authority(folder / "stranger.pem")
        files = {"cert": folder / "server.pem", "key": folder / "server.key"}
        if kind == "postgresql":
            hba = folder / "hba.conf"
            hba.write_text(
                "host all marquee 127.0.0.1/32 trust\nhostssl all site 127.0.0.1/32 scram-sha-256\n"
            )
            given = [f"ssl_{name}_file={path}" for name, path in files.items()]
            server = stack.enter_context(postgresql("ssl=on", f"hba_file={hba}", *given))
        else:
            given = [f"--ssl-{name}={path}" for name, path in files.items()]
            server = stack.enter_context(mariadb("--require-secure-transport=ON", *given))
        yield TlsServer(
            server, _url_of_user(server), folder / "authority.pem", folder / "stranger.pem"
        )


def _url_of_user(server: Server) -> str:
    """Create a user with PASSWORD and a database; return its URL, the password encoded."""
    url = make_url(server.new_database())
    if server.kind == "postgresql":
        server.execute(f"CREATE USER site PASSWORD '{PASSWORD}'")
        server.execute(f"ALTER DATABASE {url.database} OWNER TO site")
    else:
        server.execute(f"CREATE USER site@'%' IDENTIFIED BY '{PASSWORD}'")
        server.execute(f"GRANT ALL ON {url.database}.* TO site@'%'")
    return f"{url.drivername}://site:{ENCODED}@127.0.0.1:{url.port}/{url.database}"
