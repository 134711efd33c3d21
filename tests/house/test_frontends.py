"""COMFYUI_FRONTEND: what the host is started with, and what is refused before pip is asked."""

import pytest

from devkit import frontends
from devkit.host import HostProcess


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(frontends, "FOLDER", tmp_path)
    monkeypatch.setattr(frontends, "_fetch", lambda version: pytest.fail(f"fetches {version}"))
    return tmp_path


def test_without_it_the_host_serves_its_own(monkeypatch):
    monkeypatch.delenv("COMFYUI_FRONTEND", raising=False)
    assert frontends.flags() == ()


def test_the_host_is_given_a_folder_that_is_there(monkeypatch, folder):
    static = folder / "1.49.6" / "comfyui_frontend_package" / "static"
    static.mkdir(parents=True)
    monkeypatch.setenv("COMFYUI_FRONTEND", "1.49.6")
    given = HostProcess(base=folder)._flags()
    assert given[given.index("--front-end-root") + 1] == str(static)


@pytest.mark.parametrize("version", ["latest", "../1.49.6", ">=1"])
def test_what_is_no_version_is_refused_by_name(monkeypatch, version):
    monkeypatch.setenv("COMFYUI_FRONTEND", version)
    with pytest.raises(SystemExit, match=f"COMFYUI_FRONTEND={version} .* such as 1.49.6"):
        frontends.flags()
