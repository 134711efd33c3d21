"""What code in nodes/ and models/ may never do: run text or pickles, start programs, go online."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(file for room in ("nodes", "models") for file in (ROOT / room).rglob("*.py"))

FORBIDDEN_MODULES = {
    *("subprocess", "socket", "urllib", "http", "ftplib", "requests", "httpx", "aiohttp"),
    *("cPickle", "dill", "marshal", "shelve", "ctypes", "pty"),
}
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__", "breakpoint"),
    *("os.system", "os.popen", "os.execv", "os.execve", "os.spawnv", "os.posix_spawn", "os.fork"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler"),
    *("torch.hub.load", "torch.hub.load_state_dict_from_url"),
    *("builtins.eval", "builtins.exec", "importlib.import_module"),
}


def offences(source: str) -> Iterator[str]:
    """Yields a line for everything in `source` that the rules forbid."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = []
        for name in names:
            if name.split(".")[0] in FORBIDDEN_MODULES or name in FORBIDDEN_CALLS:
                yield f"line {node.lineno}: imports {name}"
        if isinstance(node, ast.Call):
            yield from _call_offences(node)


def _call_offences(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    if name in FORBIDDEN_CALLS:
        yield f"line {call.lineno}: calls {name}"
    if name == "torch.load" and not _is_true(call, "weights_only"):
        yield f"line {call.lineno}: torch.load without weights_only=True runs pickles"
    if name in ("np.load", "numpy.load") and _is_true(call, "allow_pickle"):
        yield f"line {call.lineno}: {name} with allow_pickle runs pickles"


def _is_true(call: ast.Call, keyword: str) -> bool:
    values = [word.value for word in call.keywords if word.arg == keyword]
    return bool(values) and isinstance(values[0], ast.Constant) and values[0].value is True


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_file_keeps_the_rules(file: Path):
    assert list(offences(file.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        *("from os import system", "from pickle import loads", "pickle.Unpickler(f).load()"),
        *("import subprocess", "from urllib.request import urlopen", "import requests as r"),
        *("eval('1')", "exec('x = 1')", "compile('1', '', 'eval')", "__import__('os')"),
        *("os.system('ls')", "pickle.load(f)", "torch.load(f)"),
        *("torch.load(f, weights_only=False)", "np.load(f, allow_pickle=True)"),
    ],
)
def test_the_walk_finds_each_offence(source: str):
    assert list(offences(source))


@pytest.mark.parametrize(
    "source",
    [
        *("torch.load(f, weights_only=True)", "np.load(f)", "re.compile('a')", "model.eval()"),
        "from pickle import UnpicklingError",
    ],
)
def test_the_walk_lets_harmless_code_pass(source: str):
    assert list(offences(source)) == []
