"""Lets unit tests call the node classes without a server; see `host_env` in tests/conftest.py."""

from types import SimpleNamespace

import pytest


@pytest.fixture
def host_folders(host_env, tmp_path):
    """The host's input and output folders, empty and private to one test."""
    import folder_paths

    before = folder_paths.get_input_directory(), folder_paths.get_output_directory()
    folders = SimpleNamespace(input=tmp_path / "input", output=tmp_path / "output")
    for folder in (folders.input, folders.output):
        folder.mkdir()
    folder_paths.set_input_directory(str(folders.input))
    folder_paths.set_output_directory(str(folders.output))
    yield folders
    folder_paths.set_input_directory(before[0])
    folder_paths.set_output_directory(before[1])
