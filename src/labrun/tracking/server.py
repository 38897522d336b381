"""MLflow's own server on the database of a results folder: its command, its doors."""

from __future__ import annotations

import ipaddress
import os
import socket
import sys

from labrun.tracking import client
from labrun.tracking.folder import Folder

LOOPBACK = ["localhost", "localhost:*", "127.0.0.1", "127.0.0.1:*", "[[]::1]:*"]


def command(folder: Folder, host: str, port: int) -> list[str]:
    """What to run; more than one worker would only cost memory."""
    server = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    server += ["--backend-store-uri", folder.own_uri]
    server += ["--artifacts-destination", str(folder.artifacts.absolute())]
    return [*server, "--host", host, "--port", str(port)]


def environment(host: str, port: int) -> dict[str, str]:
    """What to run it with: the names by which it may be called, and no extras.

    By default MLflow answers to loopback and private addresses only, and there shows
    an empty page at all but loopback, since it takes the browser's own requests for
    another site's. What the user set is added to.
    """
    names = names_of(host)
    hosts = [*LOOPBACK, *(f"{name}:{port}" for name in names)]
    origins = [f"http://{name}:{port}" for name in names]
    return {
        **client.settings(),
        # The job runner serves features for language models only.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_SERVER_ALLOWED_HOSTS": _with_own("MLFLOW_SERVER_ALLOWED_HOSTS", hosts),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": _with_own(
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", origins
        ),
    }


def names_of(host: str) -> list[str]:
    """By what a browser may call a server that listens on `host`, as in an address.

    For one that listens everywhere, all names and addresses of this machine.
    """
    if host not in ("0.0.0.0", "::"):
        return [bracketed(host)]
    name = socket.gethostname()
    found = [name, socket.getfqdn(), *_addresses(name), *_outward()]
    return [bracketed(name) for name in dict.fromkeys(found)]


def listens_beyond(host: str) -> bool:
    """Whether others than this machine reach what listens on `host`."""
    return not all(ipaddress.ip_address(a).is_loopback for a in _addresses(host))


def bracketed(host: str) -> str:
    """A host as addresses write it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]).partition("%")[0] for entry in found]


def _outward() -> list[str]:
    """The address of the interface that leads elsewhere; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 9))
            return [probe.getsockname()[0]]
        except OSError:
            return []


def _with_own(variable: str, values: list[str]) -> str:
    return ",".join([*filter(None, [os.environ.get(variable)]), *values])
