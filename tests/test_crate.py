"""An RO-Crate has what the specification requires, and every file with its hash."""

import hashlib
import json

import pytest

from fernn.cli import main
from labrun.lineage import sha256

pytest.importorskip("rocrate", reason="the extra crate has it")


def lineage(*inputs):
    hashes = {str(path): sha256(path) for path in inputs}
    return {"commit": "abc", "version": "0.1.0", "inputs": hashes}


@pytest.fixture
def entities(tmp_path, monkeypatch):
    """Those of a crate of a table, made from a record, made from digits."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results/demo"
    folder.mkdir(parents=True)
    digits, record = folder / "digits.json", folder / "record.json"
    digits.write_text('{"values": [1]}')
    relative = [path.relative_to(tmp_path) for path in (digits, record)]
    record.write_text(json.dumps({"lineage": lineage(relative[0])}))
    text = json.dumps(lineage(relative[1]))
    (folder / "table.md").write_text(f"| a |\n<!-- lineage: {text} -->\n")
    assert main(["trace", "results/demo/table.md", "--crate", "crate"]) == 0
    text = (tmp_path / "crate/ro-crate-metadata.json").read_text()
    graph = json.loads(text)
    assert graph["@context"] == "https://w3id.org/ro/crate/1.1/context"
    return {entity["@id"]: entity for entity in graph["@graph"]}


def test_it_has_what_the_specification_requires(entities):
    """RO-Crate 1.1: descriptor, root with name, description, date, licence, parts."""
    descriptor = entities["ro-crate-metadata.json"]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"}
    root = entities["./"]
    assert root["@type"] == "Dataset" and root["name"] and root["description"]
    assert root["datePublished"].startswith("20") and "license" in root
    parts = {part["@id"] for part in root["hasPart"]}
    files = {name for name, each in entities.items() if each["@type"] == "File"}
    assert (
        parts
        == files
        == {f"results/demo/{n}" for n in ("digits.json", "record.json", "table.md")}
    )
    named = {
        v["@id"] for e in entities.values() for v in e.values() if isinstance(v, dict)
    }
    here = {name for name in named if not name.startswith("http")}
    assert here <= entities.keys()


def test_each_file_is_there_with_its_hash_and_the_action_that_made_it(
    entities, tmp_path
):
    for name, entity in entities.items():
        if entity["@type"] == "File":
            content = (tmp_path / "crate" / name).read_bytes()
            assert entity["sha256"] == hashlib.sha256(content).hexdigest()
            assert entity["contentSize"] == str(len(content))
    made = [e for e in entities.values() if e["@type"] == "CreateAction"]
    chain = {
        e["result"]["@id"]: e["object"][0]["@id"]
        if isinstance(e["object"], list)
        else e["object"]["@id"]
        for e in made
    }
    assert chain == {
        "results/demo/table.md": "results/demo/record.json",
        "results/demo/record.json": "results/demo/digits.json",
    }
    assert {e["instrument"]["@id"] for e in made} == {"#fernn-abc"}
    assert "commit abc" in entities["#fernn-abc"]["softwareVersion"]


def test_a_folder_with_files_is_refused(entities, capsys):
    assert main(["trace", "results/demo/table.md", "--crate", "crate"]) == 2
    assert "crate is not empty" in capsys.readouterr().err
