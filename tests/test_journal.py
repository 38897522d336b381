"""The journal of a study outlives what its workers do to it."""

import json
import signal
from pathlib import Path

import pytest

from fernn.errors import ContinueMe
from fernn.training.stopping import stoppable
from fernn.tuning.journal import MendingLock
from fernn.tuning.study import Search, best, open_study, work
from test_tuning import RANGES, bowl


def test_a_torn_line_is_set_aside_and_no_other_trial_is_lost(tmp_path):
    journal = tmp_path / "study.journal"
    work(journal, Search(3, [], RANGES), bowl)
    before = journal.read_bytes()
    journal.write_bytes(before + b'{"op_code":4,"worker_')
    study = open_study(journal)  # reads what is whole
    assert len(study.get_trials()) == 3
    work(journal, Search(5, [], RANGES), bowl)
    assert journal.with_name("study.journal.torn").read_bytes().startswith(b'{"op_code')
    assert all(json.loads(line) for line in journal.read_text().splitlines())
    assert journal.read_bytes().startswith(before) and len(best(journal, 5)[1]) == 5


@pytest.mark.parametrize("folder", [".", "absolute"])
def test_a_lock_left_behind_delays_and_stops_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = (tmp_path if folder == "absolute" else Path(folder)) / "study.journal"
    work(journal, Search(1, [], RANGES), bowl)
    Path(f"{journal}.lock").touch()  # its holder was killed
    own = MendingLock.__init__

    def impatient(self, path):
        own(self, path)
        self.grace_period = 1  # thirty seconds otherwise

    monkeypatch.setattr(MendingLock, "__init__", impatient)
    work(journal, Search(2, [], RANGES), bowl)
    assert len(best(journal, 2)[1]) == 2


def test_a_signal_waits_until_the_journal_is_free(tmp_path):
    path = tmp_path / "study.journal"
    path.touch()
    lock = MendingLock(path)
    with stoppable():
        lock.acquire()
        signal.raise_signal(signal.SIGTERM)
        assert Path(f"{path}.lock").exists()
        with pytest.raises(ContinueMe):
            lock.release()
        assert not Path(f"{path}.lock").exists()
        with pytest.raises(ContinueMe):  # the converse
            signal.raise_signal(signal.SIGTERM)
