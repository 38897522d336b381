"""Open the runs in a browser: MLflow's own pages on this machine.

Serves results/mlflow/mlflow.db until it is stopped with Ctrl-C; it may run beside the
workflow. There is no login, so it listens to this machine only: from another one, use
``ssh -L 5000:127.0.0.1:5000 HOST`` and open the address there.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

from fernn.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``fernn ui``."""
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="the results folder"
    )
    parser.add_argument("--port", type=int, default=5000, help="where to listen")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")


def run(args: argparse.Namespace) -> None:
    """Run ``fernn ui``; MLflow's server takes the place of this process."""
    from fernn.tracking import client
    from fernn.tracking.describe import FACE
    from fernn.tracking.sync import Syncer

    syncer = Syncer(args.results)
    folder = syncer.folder
    if not folder.is_own:
        raise UserError(f"the runs are at MLFLOW_TRACKING_URI={folder.uri}; open that")
    require_free(args.host, args.port)
    syncer.connect()
    page = f"http://{args.host}:{args.port}/#/experiments?{FACE}"
    print(f"{page} (ready in some 20 seconds; Ctrl-C stops it)")
    sys.stdout.flush()
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--backend-store-uri", folder.own_uri]
    command += ["--artifacts-destination", str(folder.artifacts.absolute())]
    command += ["--host", args.host, "--port", str(args.port)]
    # The job runner serves features for language models only.
    extra = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **client.settings()}
    os.execve(sys.executable, command, {**os.environ, **extra})


def require_free(host: str, port: int) -> None:
    """Refuse a port that is taken.

    Raises:
        UserError: another program listens there, or the address is not ours.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or error
            raise UserError(
                f"cannot listen on {host}:{port} ({reason}); try --port {port + 1}"
            ) from None
