"""The journal of a study outlives what its workers do to it."""

import json
import re
import signal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labrun.errors import ContinueMe
from labrun.stopping import stoppable
from labrun.tuning.journal import MendingLock
from labrun.tuning.study import Search, best, open_study, work
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


def trials_of(journal):
    """Slot, parameters and value of each trial that ended."""
    return [(t.user_attrs["slot"], t.params, t.value) for t in best(journal, TRIALS)[1]]


TRIALS = 4
SEARCH = Search(TRIALS, [{"rate": 0.25}], RANGES)
DAMAGE = {
    "a bit": lambda line: line[:20] + bytes([line[20] ^ 1]) + line[21:],
    "a digit": lambda line: re.sub(rb"\d(?=\D*$)", b"", line, count=1),
    "zeros": lambda line: bytes(len(line)),
    "binary": lambda line: b"\xff\xfe" + line,
    "blank": lambda line: b"",
    "half": lambda line: line[: len(line) // 2],
    "a list": lambda line: b"[" + line + b"]",
    "another program's": lambda line: b'{"op_code": 99}',
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_any_damaged_line_is_set_aside_and_intact_trials_are_kept(
    damage, tmp_path, capsys
):
    """Every line in turn: the trials before and after it are not tried again."""
    journal = tmp_path / "study.journal"
    work(journal, SEARCH, bowl)
    lines, expected = journal.read_bytes().splitlines(), trials_of(journal)
    for place, line in enumerate(lines):
        spoiled = [*lines[:place], DAMAGE[damage](line), *lines[place + 1 :]]
        journal.write_bytes(b"\n".join(spoiled) + b"\n")
        filled = work(journal, SEARCH, bowl)
        assert len(filled) <= 1, (place, line)
        assert "1 damaged line(s) are set aside in study.journal.damaged" in (
            capsys.readouterr().err
        )
        found = trials_of(journal)
        assert [slot for slot, *_ in found] == list(range(TRIALS))
        kept = [trial for trial in found if trial[0] not in filled]
        assert all(trial in expected for trial in kept)
    journal.write_bytes(b"\n".join(lines) + b"\n")
    assert work(journal, SEARCH, bowl) == [] and trials_of(journal) == expected
    assert "damaged" not in capsys.readouterr().err


def test_a_journal_of_an_earlier_version_is_whole(tmp_path, capsys):
    journal = tmp_path / "study.journal"
    work(journal, SEARCH, bowl)
    plain = [json.loads(line) for line in journal.read_text().splitlines()]
    assert all(line.pop("check") for line in plain)
    journal.write_text("".join(json.dumps(line) + "\n" for line in plain))
    assert work(journal, SEARCH, bowl) == [] and len(trials_of(journal)) == TRIALS
    assert "damaged" not in capsys.readouterr().err


@settings(derandomize=True, deadline=None, max_examples=40)
@given(data=st.data())
def test_any_damage_leaves_a_study_that_can_be_finished(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    journal = folder / "study.journal"
    work(journal, SEARCH, bowl)
    content = bytearray(journal.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(
            st.integers(1, 255)
        )
    del content[data.draw(st.integers(0, len(content))) :]
    journal.write_bytes(content)
    work(journal, SEARCH, bowl)
    assert [slot for slot, *_ in trials_of(journal)] == list(range(TRIALS))
