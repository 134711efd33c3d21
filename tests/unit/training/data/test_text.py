"""What synthetic scenes say fits into the small text encoder, every word of it."""

import pytest


@pytest.fixture(scope="module")
def text(host_env):
    from motion_i2v.training.data import text_vectors

    return text_vectors


def test_the_longest_caption_fits(text):
    from motion_i2v.scenes.scene_captions import VOCABULARY, caption

    said = caption(["a photographer moves up left"] * 3, "the camera pans down right", False)
    known = set(text.construct_text(VOCABULARY)["token_ids"].tolist())
    assert 0 < sum(token in known for token in text._tokens_of(said)) <= text.TOKENS - 2


def test_every_word_is_known_or_small_talk(text):
    from motion_i2v.scenes.scene_captions import VOCABULARY

    known = set(text.construct_text(VOCABULARY)["token_ids"].tolist())
    for word in VOCABULARY:
        assert (not known.isdisjoint(text._tokens_of(word))) != (word in text.SMALL_TALK), word
