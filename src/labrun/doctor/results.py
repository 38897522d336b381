"""The results folder: what earlier runs left there, and whether its tracker answers."""

from __future__ import annotations

import base64
import os
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from labrun import lease
from labrun.controller import jobs, locks, record
from labrun.doctor.place import FAIL, NOTE, OK, Finding, Place, nearest, try_to_write
from labrun.tracking.client import public
from labrun.tracking.folder import Folder

SHOWN = 3
PATIENCE = 10.0  # seconds for a server, whose first answer is slow
# Not /health, which answers whoever asks.
QUESTION = "/api/2.0/mlflow/experiments/get?experiment_id=0"


def head(place: Place) -> Iterator[Finding]:
    """Each budget that a head runs, or that has the locks of a dead one."""
    findings = [found for name in _budgets(place) for found in _head_of(place, name)]
    yield from findings or [Finding(OK, "head", "none runs, and none left locks")]


def _budgets(place: Place) -> list[str]:
    if not place.results.is_dir():
        return []
    return sorted(path.name for path in place.results.iterdir() if path.is_dir())


def _head_of(place: Place, budget: str) -> Iterator[Finding]:
    path = record.path_of(place.results, budget)
    found = lease.holder(path)
    if found is not None:
        yield Finding(NOTE, "head", record.living(budget, found))
        return
    left = _left(place, budget, path)
    if not left:
        return
    if not place.unlock:
        unlock = f"{place.command} doctor --unlock"
        remedy = f"the next snakemake clears this itself, or: {unlock}"
        yield Finding(NOTE, "head", f"{budget}: {left}", remedy)
        return
    if alive := list(_alive(place, budget)):
        found = f"{budget}: not cleared, as of its head live {', '.join(alive)}"
        remedy = "wait for them, or start snakemake, which waits"
        yield Finding(FAIL, "head", found, remedy)
        return
    done = record.clear(place.results, budget)
    path.unlink(missing_ok=True)
    yield Finding(OK, "head", f"{budget}: {left}; cleared{done and f': {done}'}")


def _left(place: Place, budget: str, path: Path) -> str:
    """What there is of a dead head; nothing if there is nothing."""
    dead, files = lease.read(path), locks.of(place.results, budget)
    parts = [f"the head {dead} died"] if dead else []
    parts += [f"{len(files)} lock(s) of a dead head"] if files else []
    return ", ".join(parts)


def _alive(place: Place, budget: str) -> Iterator[str]:
    """Processes and Slurm jobs of a dead head that still run."""
    for path in sorted((place.results / budget).rglob(".*.lease")):
        if found := lease.holder(path):
            yield f"{found} making {path.parent / path.name[1:].removesuffix('.lease')}"
    for job in jobs.living(jobs.prefix(place.results, budget)) or []:
        yield f"Slurm job {job}"


def leases(place: Place) -> Iterator[Finding]:
    """Who makes something below the results folder; nothing is removed."""
    paths = sorted(place.results.rglob(".*.lease"))
    found = [lease.holder(path) for path in paths if path.name != ".head.lease"]
    alive = [str(each) for each in found if each]
    dead = len(found) - len(alive)
    if alive:
        more = f" and {len(alive) - SHOWN} more" if len(alive) > SHOWN else ""
        makers = f"{', '.join(alive[:SHOWN])}{more}"
        yield Finding(NOTE, "leases", f"outputs are being made by {makers}")
    if dead:
        remedy = "nothing to do: whoever makes these outputs takes them over"
        yield Finding(NOTE, "leases", f"{dead} of processes that died", remedy)
    if not found:
        yield Finding(OK, "leases", "no output is being made")


def tracker(place: Place) -> Iterator[Finding]:
    """Whether the tracker can be written, or answers within seconds."""
    folder = Folder(place.results)
    if folder.is_own:
        yield database(folder, place.command)
    elif folder.uri.startswith(("http://", "https://")):
        yield server(folder.uri, place.command)
    else:
        uri = public(folder.uri)
        yield Finding(NOTE, "tracker", f"not looked at: {uri}")


def database(folder: Folder, command: str) -> Finding:
    """The database of the results folder."""
    try:
        try_to_write(nearest(folder.home))
    except OSError as error:
        found = f"{folder.home} cannot be written: {error.strerror}"
        return Finding(FAIL, "tracker", found)
    if not folder.database.exists():
        return Finding(OK, "tracker", f"{folder.database} will be made")
    try:
        runs = count(folder.database)
    except sqlite3.Error as error:
        remedy = f"{command} track --results {folder.results} --rebuild"
        return Finding(FAIL, "tracker", f"{folder.database}: {error}", remedy)
    return Finding(OK, "tracker", f"{folder.database}, {runs} runs")


def count(path: Path) -> int:
    """The number of runs in a database, opened as one who writes."""
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
        connection.isolation_level = None
        connection.execute("BEGIN IMMEDIATE")
        (runs,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        connection.execute("ROLLBACK")
    return runs


def server(uri: str, command: str) -> Finding:
    """A server, asked with the user's name and password or token if there are any."""
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    address = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
    try:
        request = urllib.request.Request(address + QUESTION, headers=_login(uri))
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            response.read(1)
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(300).decode("utf-8", "replace")
        return _refusal(address, host, error.code, said)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        found = f"{address} does not answer: {reason}"
        remedy = f"start it; a run does without, and {command} track adds it later"
        return Finding(FAIL, "tracker", found, remedy)
    return Finding(OK, "tracker", f"{address} answers")


def _refusal(address: str, host: str, code: int, said: str) -> Finding:
    if code == 403 and "Invalid Host header" in said:
        hosts = f"--allowed-hosts '{host},localhost:*'"
        remedy = f"start it with: mlflow server {hosts}, or use a private address"
        found = f"{address} refuses its own name {host} (Invalid Host header)"
        return Finding(FAIL, "tracker", found, remedy)
    if code in (401, 403):
        remedy = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or _TOKEN"
        return Finding(FAIL, "tracker", f"{address} refuses you (HTTP {code})", remedy)
    if code == 404 and "RESOURCE_DOES_NOT_EXIST" in said:
        return Finding(OK, "tracker", f"{address} answers")
    found = f"{address} answers HTTP {code}, as no MLflow does"
    return Finding(FAIL, "tracker", found, "see MLFLOW_TRACKING_URI")


def _login(uri: str) -> dict[str, str]:
    parts = urlsplit(uri)
    name = unquote(parts.username or "") or os.environ.get("MLFLOW_TRACKING_USERNAME")
    word = unquote(parts.password or "") or os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if name:
        pair = base64.b64encode(f"{name}:{word or ''}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    return {}
