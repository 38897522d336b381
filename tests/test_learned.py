"""What jobs ask for from what others needed, by numbers worked by hand."""

import pytest

from labrun.learned import Learned

HEAD = "s\tmax_rss"


@pytest.fixture
def learned(tmp_path):
    def of(**rows):
        (tmp_path / "train").mkdir(exist_ok=True)
        for seed, row in rows.items():
            path = tmp_path / f"train/e.m.{seed[1:]}.tsv"
            path.write_text("\n".join([HEAD, *row]) + "\n")
        return Learned(tmp_path)

    return of


def test_the_most_of_all_alike_counts_with_a_margin_in_round_numbers(learned):
    """1.5 x 4001 MB = 6001.5, so 6500; 2 x 3001 s are 100.03 minutes, so 110."""
    asks = learned(_0=["3001\t900"], _1=["60\t4001"])
    assert asks("train/e.m.2") == {"mem_mb": 6500, "runtime": 110}
    assert asks("train/e.m.0") == asks("train/e.m.2")
    exact = learned(_0=["3000\t900"], _1=["60\t4000"])
    assert exact("train/e.m.0") == {"mem_mb": 6000, "runtime": 100}


def test_small_jobs_ask_for_the_least(learned):
    assert learned(_0=["3\t90"])("train/e.m.0") == {"mem_mb": 2000, "runtime": 30}


def test_memory_that_was_not_measured_is_not_learned(learned):
    assert learned(_0=["3000\tNA"])("train/e.m.1") == {"runtime": 100}


def test_other_jobs_teach_nothing(learned, tmp_path):
    asks = learned(_0=["3000\t4000"])
    for other in ("train/e.n.0", "tune/e.m.0", "train/f.m.0", "train_seeds/e.m"):
        assert asks(other) == {}
    assert Learned(tmp_path / "none")("train/e.m.0") == {}
    assert learned(_0=["no number\t1"])("train/e.m.0") == {}
