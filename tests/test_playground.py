"""The page's network is that of PyTorch, and the page stands alone."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import fernn
from fernn import playground, pretrained
from fernn.cli import main
from fernn.models import rollouts
from labrun.errors import UserError

ROOT = Path(__file__).parents[1]
MODELS = ("demo-grnn", "demo-fernn-v1", "demo-fernn-v2")
ROLLOUTS = ("advect", "free", "shifted", "repeat")
HARNESS = """
const Fernn = require(process.argv[1]);
const cases = JSON.parse(require("fs").readFileSync(0));
const models = {};
for (const [name, about] of Object.entries(cases.models)) {
  const weights = Object.entries(about.weights).map(([k, v]) => [k, Fernn.decoded(v)]);
  models[name] = new Fernn.Model({ ...about, weights: Object.fromEntries(weights) });
}
const out = cases.runs.map(({ model, rollout, frames, horizon }) => {
  const forecast = models[model].forecast(frames.map(Fernn.decoded), rollout);
  return Array.from({ length: horizon }, () => Array.from(forecast.next()));
});
const [first] = cases.runs, frames = first.frames.map(Fernn.decoded);
const law = (model) => Fernn.equivarianceError(model, frames, [0, 1]);
const laws = Object.values(models).map(law);
process.stdout.write(JSON.stringify({ out, laws }));
"""


def run_in_node(models, runs):
    """What the page's network computes."""
    node = shutil.which("node") or pytest.skip("node runs the page's network")
    program = [node, "-e", HARNESS, str(playground.HERE / "cell.js")]
    given = json.dumps({"models": models, "runs": runs})
    done = subprocess.run(program, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_forecasts_are_those_of_pytorch_to_rounding():
    """A hundred sequences, by all models and roll-outs in turn."""
    generator = torch.Generator().manual_seed(0)
    videos = torch.rand(100, 5, 1, 16, 16, generator=generator)
    horizon, runs, expected = 6, [], []
    built = {name: fernn.load(name) for name in MODELS}
    for number, video in enumerate(videos):
        name = MODELS[number % 3]
        rollout = ROLLOUTS[number // 3 % 4]
        built[name].rollout = rollouts.build(rollout)
        with torch.no_grad():
            expected.append(built[name](video[None], horizon)[0, :, 0].numpy())
        frames = [playground._encoded(frame.numpy()) for frame in video]
        about = {"model": name, "rollout": rollout, "frames": frames}
        runs.append({**about, "horizon": horizon})
    told = run_in_node({name: playground._model(name) for name in MODELS}, runs)
    found = np.array(told["out"]).reshape(100, horizon, 16, 16)
    scale = np.maximum(1, np.abs(expected))
    assert (np.abs(found - expected) / scale).max() < 1e-5
    assert len({(run["model"], run["rollout"]) for run in runs}) == 12
    rest, first, second = told["laws"]
    assert rest is None and first < 1e-5 and second < 1e-5


def test_the_page_needs_nothing_else():
    images = np.linspace(0, 1, 128).reshape(2, 8, 8)
    text = playground.page(MODELS, images, "About </script> digits.")
    assert not re.search(r"""(?:src|href)\s*=|https?://|@import|\burl\(""", text)
    assert text.count("</script>") == 3 and "/*" not in text.split("<style>")[0]
    data = json.loads(re.search(r"const SHIPPED = (.*);</script>", text)[1])
    assert [model["label"] for model in data["models"]] == [
        "G-RNN",
        "FERNN-V1",
        "FERNN-V2",
    ]
    digit = np.frombuffer(base64.b64decode(data["digits"][1]), "<f4")
    assert np.allclose(digit, images[1].ravel())
    assert len(text.encode()) < 100_000


def test_a_model_that_the_page_cannot_compute_is_refused(tmp_path):
    about = pretrained.describe("demo-fernn-v1")
    weights = fernn.load("demo-fernn-v1").state_dict()
    for change in ({"activation": "tanh"}, {"pooling": "mean"}):
        told = {**about, "model": {**about["model"], **change}}
        pretrained.write(tmp_path, weights, told)
        with pytest.raises(UserError, match="the page computes no"):
            playground.page([str(tmp_path)], np.zeros((1, 8, 8)), "")


def test_the_page_in_docs_is_that_of_the_weights_that_come_along(tmp_path):
    pytest.importorskip("sklearn")
    made = tmp_path / "page.html"
    assert main(["playground", "--output", str(made)]) == 0
    assert made.read_text() == (ROOT / "docs/playground.html").read_text()


def test_a_browser_shows_a_forecast():
    browser = shutil.which("chromium") or pytest.skip("chromium shows the page")
    place = f"{(ROOT / 'docs/playground.html').as_uri()}#30"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=500"]
    command = [browser, *flags, "--dump-dom", place]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    told = dict(re.findall(r'id="(phase|mse|law)">([^<]*)<', done.stdout))
    assert int(re.fullmatch(r"forecast, frame (\d+)", told["phase"])[1]) >= 25
    assert float(told["mse"]) < 0.1 and float(told["law"]) < 1e-5
