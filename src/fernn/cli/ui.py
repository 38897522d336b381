"""Serve the runs in MLflow's pages, for a browser on this machine.

Serves results/mlflow/mlflow.db until Ctrl-C is pressed, also while the workflow runs.
The address printed for an experiment opens a comparison of its models by their means
over seeds. There is no login, so it listens only to this machine: from another one, use
``ssh -L 5000:127.0.0.1:5000 HOST`` and open the same addresses there.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

from labrun.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``fernn ui``."""
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="the results folder"
    )
    parser.add_argument("--port", type=int, default=5000, help="where to listen")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="name or address to listen on; 0.0.0.0: all of this machine's",
    )


def run(args: argparse.Namespace) -> None:
    """Run ``fernn ui``; MLflow's server takes the place of this process."""
    from labrun.tracking import client, server
    from labrun.tracking.describe import FACE
    from labrun.tracking.sync import Syncer

    syncer = Syncer(args.results)
    folder = syncer.folder
    if not folder.is_own:
        uri = client.public(folder.uri)
        raise UserError(f"the runs are at MLFLOW_TRACKING_URI={uri}; open that")
    require_free(args.host, args.port)
    syncer.connect()
    environment = {**os.environ, **server.environment(args.host, args.port)}
    if server.listens_beyond(args.host):
        print(
            f"fernn ui: there is no password: whoever reaches {args.host}:{args.port}"
            " can read, change and delete these runs",
            file=sys.stderr,
        )
    name = server.names_of(args.host)[0]
    server_page = f"http://{name}:{args.port}/"
    print(
        f"{server_page}#/experiments?{FACE} (ready in some 20 seconds; Ctrl-C stops it)"
    )
    for experiment, page in syncer.pages().items():
        print(f"{experiment}: {server_page}{page}")
    sys.stdout.flush()
    command = server.command(folder, args.host, args.port)
    os.execve(sys.executable, command, environment)


def require_free(host: str, port: int) -> None:
    """Refuse a port that is taken.

    Raises:
        UserError: another program listens there, or the address is not ours.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"cannot listen on {host}:{port} ({reason}); try --port {port + 1}"
        ) from None
