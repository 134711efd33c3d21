"""Where memory is short, the host's cache drops the largest results: it must weigh ours, too."""

# ruff: noqa: E402 (the host must be on the path before anything of it is imported)

from types import SimpleNamespace

import pytest
import torch

from testing.comfyui import load_host

load_host()

from comfy_execution import caching
from motion_i2v.models.types.motion_field import MotionField

GIB = 1 << 30


class Keys:
    """Each node's key is its id, as though nothing in the prompt changed."""

    def __init__(self, *_):
        self.ids = []

    def get_data_key(self, node_id):
        return node_id

    def get_subcache_key(self, node_id):
        return node_id


@pytest.fixture
def cache():
    made = caching.RAMPressureCache(caching.CacheKeySetID)
    made.cache_key_set = Keys()
    made.initialized = True
    made.generation = 2
    return made


def keep(cache, name, value):
    """Puts a node's results there as the host does, used in the prompt before this."""
    entry = SimpleNamespace(outputs=[[value]], ui=None)
    cache.cache[name] = entry if hasattr(cache, "ram_release") else (entry.outputs, None)
    cache.used_generation[name] = 1
    cache.timestamps[name] = len(cache.timestamps)


def press(cache, monkeypatch, bytes_short):
    """Asks for memory while so much is missing, which every drop gives back."""
    before = len(cache.cache)

    def memory():
        return SimpleNamespace(available=GIB if len(cache.cache) == before else 100 * GIB)

    monkeypatch.setattr(caching.psutil, "virtual_memory", memory)
    if hasattr(cache, "ram_release"):
        return cache.ram_release(GIB + bytes_short)
    cache.poll(1 + bytes_short / GIB)
    return None


def large():
    return MotionField(torch.zeros(8, 2, 512, 512), torch.ones(8, 512, 512))


def test_a_large_field_goes_first(cache, monkeypatch):
    """Though it was used last: whoever cannot be weighed goes by age."""
    keep(cache, "picture", torch.zeros(1, 64, 64, 3))
    keep(cache, "field", large())
    keep(cache, "mask", torch.zeros(1, 64, 64))
    freed = press(cache, monkeypatch, 1 << 20)
    assert set(cache.cache) == {"picture", "mask"}
    if freed is not None:
        field = large()
        assert freed >= field.flow.nbytes + field.visibility.nbytes


def test_a_field_weighs_what_its_tensors_do():
    field = large()
    assert field.get_ram_usage() == 4 * 8 * 512 * 512 * 3
    assert MotionField(field.flow).get_ram_usage() == 4 * 8 * 512 * 512 * 2


def test_it_is_a_tuple_of_its_tensors_that_nobody_changes():
    field = large()
    flow, visibility = field
    assert flow is field.flow
    assert visibility is field.visibility
    with pytest.raises(AttributeError):
        field.flow = flow
    with pytest.raises(ValueError, match="frame 0"):
        MotionField(torch.ones(2, 2, 4, 4))
