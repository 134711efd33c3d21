"""The set-up makes its environment with whatever the machine's Python has.

Each test starts a real Python that lacks some modules, as Debian's lacks ensurepip; the usual way,
with it, is how these tests' own environment came to be. What stands in for virtualenv and uv makes
a real environment, with a pip that only tells its version.
"""

import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from devkit import setup
from devkit.setup import Step

ROOT = Path(__file__).resolve().parents[2]
MAKE = "import sys; from pathlib import Path; from devkit import environments; "
MAKE += "environments.make(Path(sys.argv[1]))"
LACKING = """
    import subprocess, sys, venv

    def _setup_pip(*_):
        raise subprocess.CalledProcessError(1, "python -m ensurepip", "No module named ensurepip")

    class Lacking:
        def find_spec(name, path=None, target=None):
            if sys.prefix != {made!r} and name in {names!r}:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

    venv.EnvBuilder._setup_pip = _setup_pip
    sys.meta_path.insert(0, Lacking)
"""
MAKER = """
    import sys, venv
    from pathlib import Path

    made = Path(sys.argv[-1])
    venv.create(made, with_pip=False)
    (library,) = made.glob("[Ll]ib/**/site-packages")
    (library / "pip.py").write_text("print('pip made by {name}')")
"""


class Bare:
    """A machine whose Python lacks ensurepip and the modules in `lacking`."""

    def __init__(self, folder: Path) -> None:
        self.venv = folder / "made"
        self.path = folder / "path"
        self.bin = folder / "bin"
        self.path.mkdir()
        self.bin.mkdir()
        self.environment = {"PATH": str(self.bin), "PYTHONPATH": str(self.path)}

    def lacks(self, *names: str) -> None:
        text = LACKING.format(made=str(self.venv), names=names)
        (self.path / "sitecustomize.py").write_text(textwrap.dedent(text))

    def make(self) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", MAKE, str(self.venv)],
            env={**os.environ, **self.environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    def pip_version(self) -> str:
        python = self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        command = [str(python), "-m", "pip", "--version"]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def maker(name: str) -> str:
    return textwrap.dedent(MAKER.format(name=name))


@pytest.fixture
def bare(tmp_path):
    return Bare(tmp_path.resolve())


def test_without_ensurepip_virtualenv_makes_it(bare):
    bare.lacks("pip")
    (bare.path / "virtualenv.py").write_text(maker("virtualenv"))
    done = bare.make()
    assert done.returncode == 0, done.stderr
    assert bare.pip_version() == "pip made by virtualenv"


def test_what_is_complete_is_never_touched(bare):
    bare.lacks("pip")
    (bare.path / "virtualenv.py").write_text(maker("virtualenv"))
    assert bare.make().returncode == 0
    mine = bare.venv / "mine"
    mine.touch()
    assert bare.make().returncode == 0
    assert mine.exists()


@pytest.mark.skipif(os.name == "nt", reason="a script stands in for uv")
def test_without_ensurepip_and_virtualenv_uv_makes_it(bare):
    bare.lacks("virtualenv", "pip")
    uv = bare.bin / "uv"
    uv.write_text(f"#!{sys.executable}\n{maker('uv')}")
    uv.chmod(0o755)
    done = bare.make()
    assert done.returncode == 0, done.stderr
    assert bare.pip_version() == "pip made by uv"


def test_virtualenv_comes_from_where_the_users_pip_looks(bare, tmp_path):
    """No index, but a folder of wheels: the user's settings of pip, whatever they are, hold."""
    bare.lacks()
    with zipfile.ZipFile(tmp_path / "virtualenv-99-py3-none-any.whl", "w") as wheel:
        wheel.writestr("virtualenv.py", maker("a wheel"))
        facts = "Metadata-Version: 2.1\nName: virtualenv\nVersion: 99\n"
        wheel.writestr("virtualenv-99.dist-info/METADATA", facts)
        tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr("virtualenv-99.dist-info/WHEEL", tags)
        wheel.writestr("virtualenv-99.dist-info/RECORD", "")
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    bare.environment.update(settings)
    done = bare.make()
    assert done.returncode == 0, done.stderr
    assert bare.pip_version() == "pip made by a wheel"


def test_where_nothing_helps_one_error_tells_what_was_tried(bare):
    bare.lacks("virtualenv", "pip")
    done = bare.make()
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr
    for tried in ("-m venv", "-m virtualenv", "-m pip install", "No module named 'virtualenv'"):
        assert tried in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupted_set_up_goes_on_and_a_changed_step_repeats_those_after_it(
    tmp_path, monkeypatch
):
    did: list[str] = []

    def fail():
        raise SystemExit("no network")

    def steps(second, key="b"):
        return [
            Step("first", "a", lambda: did.append("first")),
            Step("second", key, second),
            Step("third", "c", lambda: did.append("third")),
        ]

    def succeed():
        did.append("second")

    monkeypatch.delenv("COMFYUI_DIR", raising=False)
    monkeypatch.delenv("COMFYUI_PYTHON", raising=False)
    monkeypatch.setattr(setup, "STAMP", tmp_path / "stamp.json")
    monkeypatch.setattr(setup.places, "interpreter_of", lambda _: Path(sys.executable))
    monkeypatch.setattr(setup, "_steps", lambda *_: steps(fail))
    with pytest.raises(SystemExit):
        setup.ensure()
    monkeypatch.setattr(setup, "_steps", lambda *_: steps(succeed))
    setup.ensure()
    setup.ensure()
    assert did == ["first", "second", "third"]
    monkeypatch.setattr(setup, "_steps", lambda *_: steps(succeed, key="b2"))
    setup.ensure()
    assert did[3:] == ["second", "third"]


def test_a_version_of_comfyui_is_a_pin_and_nothing_else_of_the_set_up_spells_it():
    spelled = [
        file.name
        for file in (ROOT / "devkit").glob("*.py")
        if setup.pins.COMFYUI in file.read_text()
    ]
    assert spelled == ["pins.py"]
