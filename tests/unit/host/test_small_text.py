"""The small text encoder: the host's CLIP gives what training was given, and knows its words."""

import pytest
import torch

WORDS = [
    "a",
    "the",
    "rocket",
    "cup",
    "moves",
    "left",
    "right",
    "up",
    "down",
    "camera",
    "pans",
    ",",
    "zooms",
    "in",
    "out",
]


@pytest.fixture(scope="module")
def text(host_env):
    from motion_i2v.models.host import small_text

    return small_text


@pytest.fixture(scope="module")
def vectors(host_env):
    from motion_i2v.training.data import text_vectors

    return text_vectors


@pytest.fixture(scope="module")
def tensors(vectors):
    return vectors.construct_text(WORDS)


@pytest.fixture(scope="module")
def clip(text, tensors):
    return text.load_small_text(tensors)


def host_context(clip, prompt):
    (entry,) = clip.encode_from_tokens_scheduled(clip.tokenize(prompt))
    return entry[0]


CAPTIONS = ["a rocket moves left, the camera pans up", "", "Camera ZOOMS in", "nothing known"]


@pytest.mark.parametrize("caption", CAPTIONS)
def test_the_host_gives_what_training_gives(vectors, text, tensors, clip, caption):
    context = host_context(clip, caption)
    assert context.shape == (1, vectors.TOKENS, vectors.WIDTH)
    assert torch.equal(context, vectors.encode_captions(tensors, [caption]))


def test_unknown_words_take_no_room(clip):
    bare = host_context(clip, "rocket left")
    wordy = host_context(clip, "masterpiece, 8k photo of a rocket flying leftmost left!")
    assert torch.equal(bare, wordy)


def test_words_differ_and_so_does_their_order(clip):
    said = ["rocket left", "rocket right", "left rocket", "cup left", ""]
    contexts = [host_context(clip, words)[0] for words in said]
    for i, one in enumerate(contexts):
        for other in contexts[:i]:
            assert (one - other).norm() > 4


def test_padding_is_one_vector_but_for_its_place(vectors, tensors):
    empty = vectors.encode_captions(tensors, [""])[0]
    near = torch.nn.functional.cosine_similarity(empty, empty.mean(dim=0)[None])
    assert near.min() > 0.95


def test_emphasis_and_clip_skip_work(clip):
    plain = host_context(clip, "rocket left")
    heavy = host_context(clip, "(rocket:1.5) left")
    changed = (plain - heavy).abs().amax(dim=-1)[0] > 1e-4
    assert changed.tolist() == [i == 1 for i in range(len(changed))]
    skipped = clip.clone()
    skipped.clip_layer(-2)
    assert torch.equal(host_context(skipped, "rocket left"), plain)


def test_a_long_prompt_gets_a_second_context(vectors, tensors, clip):
    long = host_context(clip, "rocket " * 25)
    assert long.shape[1] == 2 * vectors.TOKENS
    cut = vectors.encode_captions(tensors, ["rocket " * 25])
    assert torch.equal(long[:, : vectors.TOKENS], cut)


def test_the_same_seed_gives_the_same_words_whatever_their_order(vectors, tensors):
    again = vectors.construct_text(reversed(WORDS))
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)
    other = vectors.construct_text(WORDS, seed=1)
    assert not torch.equal(other["rows"], tensors["rows"])
    assert sum(tensor.nbytes for tensor in tensors.values()) < 16_000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": torch.zeros(3, 64)}, "is not a text encoder"),
        ({"extra": torch.zeros(3)}, "is not a text encoder"),
        ({"places": torch.tensor(3.0)}, "is not a text encoder"),
        ({"neutral": torch.full((64,), float("nan"))}, "NaN"),
        ({"token_ids": "too large"}, "token_ids"),
    ],
)
def test_a_damaged_file_is_refused(text, tensors, change, said):
    if change.get("token_ids") == "too large":
        change = {"token_ids": tensors["token_ids"] + 60000}
    with pytest.raises(ValueError, match=said):
        text.load_small_text({**tensors, **change}, "text.safetensors")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((["the", ","],), "no words"),
        ((WORDS, 30), "30 and 20"),
        ((WORDS, 66), "66 and 20"),
        ((WORDS, 64, 0, 2), "64 and 2"),
    ],
)
def test_what_cannot_be_constructed_is_refused(vectors, arguments, said):
    with pytest.raises(ValueError, match=said):
        vectors.construct_text(*arguments)
