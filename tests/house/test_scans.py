"""Each scan of what is shipped fails where it should: on a pack with one fault."""

from pathlib import Path

import pytest

from devkit import scans, shipped

FAULTS = {
    "comfy-import-guard": "from comfy.model_management import a_name_that_never_was\n",
    "comfy-test": "from torch import nn\n\nlayer = nn.Linear(2, 2)\n",
    "nodesafe": "import os\n\neval(os.environ['CODE'])\n",
    "bandit": "import subprocess\n\nsubprocess.call('ls', shell=True)\n",
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_scan_finds_the_fault_that_it_is_for(name: str, monkeypatch, capfd):
    def put(target: Path, but: tuple[str, ...] = ()) -> None:
        target.mkdir(parents=True, exist_ok=True)
        (target / "pyproject.toml").write_text('[project]\nname = "pack"\n')
        (target / "__init__.py").write_text(FAULTS[name])

    monkeypatch.setattr(shipped, "put", put)
    assert scans.main(name) == 1 + (name == "nodesafe")
    assert "There is no" not in capfd.readouterr().out


def test_a_scan_says_what_to_do_where_its_tool_is_missing(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(scans.places, "TOOLS", tmp_path)
    assert scans.main("workflows") == 1
    assert "dev.py setup" in capfd.readouterr().out
