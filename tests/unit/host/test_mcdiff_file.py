"""MCDiff's file: read back as written, and refused by name where it is not whole."""

import pytest
import torch
from motion_i2v.models.files.checkpoints import read_checkpoint
from motion_i2v.models.files.convert import convert
from motion_i2v.models.host.mcdiff_file import COMPLETION, FUTURE, mcdiff_of, read_mcdiff
from motion_i2v.models.networks.mcdiff_shapes import CompletionShape, FrameShape
from safetensors.torch import save_file

from tests.narrow_mcdiff import TRAINED, completion, tensors_of, write_mcdiff
from tests.narrow_release import write_release
from tests.small_files import text

pytestmark = pytest.mark.usefixtures("host_env")


@pytest.fixture(scope="module")
def tensors(host_env):
    """A whole file's tensors; copied by what changes them."""
    return tensors_of()


def read(tensors, **told):
    return mcdiff_of(tensors, {f"motion_i2v.{key}": value for key, value in told.items()}, "file")


def test_what_is_written_is_read_back(tmp_path, tensors):
    file = read_mcdiff(write_mcdiff(tmp_path / "a.safetensors", side=96, stroke=3))
    assert file.completion_shape == CompletionShape(32, (1, 2), blocks=1, attention=1, fold=2)
    assert file.frame_shape == FrameShape(32, (1, 2), blocks=1)
    assert (file.trained, file.side, file.stroke) == (TRAINED, 96, 3)
    file.demand(COMPLETION, FUTURE)
    again = {f"{COMPLETION}.{name}": tensor for name, tensor in file.completion.items()}
    again |= {f"{FUTURE}.{name}": tensor for name, tensor in file.future.items()}
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)


def test_what_it_does_not_tell_is_usual(tensors):
    file = read(tensors)
    assert (file.side, file.stroke, file.trained.prediction) == (128, 2, "")


@pytest.mark.parametrize(
    "shape",
    [
        CompletionShape(32, (1,), attention=1, fold=1),
        CompletionShape(32, (1, 2, 3), blocks=2, attention=0, fold=2),
        CompletionShape(64, (1, 1), attention=2, fold=3),
        CompletionShape(32, (2, 4), attention=1, fold=4),
    ],
)
def test_the_shape_of_flow_completion_is_found(shape):
    from motion_i2v.models.host.mcdiff_networks import FlowCompletion

    state = FlowCompletion(shape).state_dict()
    # The host leaves weights as memory is; any number will do.
    tensors = {f"{COMPLETION}.{name}": torch.zeros_like(t) for name, t in state.items()}
    assert read(tensors).completion_shape == shape


@pytest.mark.parametrize(
    "shape", [FrameShape(32, (1,)), FrameShape(32, (1, 2, 3), 2), FrameShape(64, (1, 2), 3)]
)
def test_the_shape_of_the_future_frame_is_found(shape):
    from motion_i2v.models.host.mcdiff_networks import FutureFrameUNet, future_config

    state = FutureFrameUNet(**future_config(shape)).state_dict()
    tensors = {f"{FUTURE}.{name}": torch.zeros_like(t) for name, t in state.items()}
    assert read(tensors).frame_shape == shape


@pytest.mark.parametrize(
    ("half", "other", "said"),
    [
        (COMPLETION, FUTURE, r"holds flow completion \(F\) alone.*the future frame \(G\)"),
        (FUTURE, COMPLETION, r"holds the future frame \(G\) alone.*flow completion \(F\)"),
    ],
)
def test_half_a_file_is_read_and_says_what_it_lacks(tmp_path, half, other, said):
    file = read_mcdiff(write_mcdiff(tmp_path / "half.safetensors", halves=(half,)))
    file.demand(half)
    with pytest.raises(ValueError, match=said):
        file.demand(COMPLETION, FUTURE)
    with pytest.raises(ValueError, match=rf"tensors {other}\.\*"):
        file.demand(other)


F_CONV, G_CONV = f"{COMPLETION}.net.conv_in.weight", f"{FUTURE}.input_blocks.0.0.weight"
F_LAST, G_LAST = f"{COMPLETION}.net.conv_out.bias", f"{FUTURE}.out.2.bias"


@pytest.mark.parametrize("name", [F_CONV, G_CONV, F_LAST, G_LAST, f"{FUTURE}.unknown"])
def test_a_missing_tensor_is_named(tensors, name):
    short = {key: tensor for key, tensor in tensors.items() if key != name}
    with pytest.raises(ValueError, match=rf"^file looks like .*MCDiff.*{name}"):
        read(short)


@pytest.mark.parametrize("prefix", [COMPLETION, FUTURE])
def test_a_tensor_left_over_is_named(tensors, prefix):
    more = {**tensors, f"{prefix}.extra.weight": torch.zeros(2)}
    with pytest.raises(ValueError, match=rf"1 are unexpected, the first {prefix}\.extra"):
        read(more)


@pytest.mark.parametrize("name", [F_LAST, G_LAST, f"{COMPLETION}.unknown"])
def test_a_tensor_of_another_shape_is_named(tensors, name):
    with pytest.raises(ValueError, match=rf"another shape, the first {name} with \[3\]"):
        read({**tensors, name: torch.zeros(3)})


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        (F_CONV, (32, 7, 3, 3), "takes 7 channels"),
        (F_CONV, (32, 0, 3, 3), "takes 0 channels"),
        (F_CONV, (24, 20, 3, 3), r"multiples of 32.*\[24, 32, 64\]"),
        (G_CONV, (0, 136, 3, 3), r"multiples of 32.*\[0, 32, 64\]"),
        (f"{COMPLETION}.net.down.1.block.0.conv2.weight", (48, 48, 3, 3), "multiples of 32"),
        (F_CONV, (32,), "conv_in.weight is missing"),
    ],
)
def test_a_network_that_cannot_be_is_refused(tensors, name, shape, said):
    with pytest.raises(ValueError, match=said):
        read({**tensors, name: torch.zeros(shape)})


@pytest.mark.parametrize(
    ("value", "said"), [(float("nan"), "NaN or infinite"), (float("inf"), "NaN or infinite")]
)
def test_weights_that_are_no_numbers_are_refused(tensors, value, said):
    with pytest.raises(ValueError, match=f"file: {F_LAST} holds {said}"):
        read({**tensors, F_LAST: torch.full_like(tensors[F_LAST], value)})


def test_quantised_weights_are_refused(tensors):
    with pytest.raises(ValueError, match="int8 numbers"):
        read({**tensors, F_LAST: tensors[F_LAST].to(torch.int8)})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("kind", "flow_vae", "'mcdiff', which its tensors are"),
        ("side", "-5", "a whole number"),
        ("side", "wide", "a whole number"),
        ("side", "8", r"16\.\.4096"),
        ("stroke", "100", r"0\.\.64"),
        ("prediction", "x0", "eps, v"),
        ("zero_terminal_snr", "yes", "true or false"),
    ],
)
def test_metadata_that_cannot_be_is_refused(tensors, key, value, said):
    with pytest.raises(ValueError, match=rf"motion_i2v\.{key} = '{value}', but .*{said}"):
        read(tensors, **{key: value})


@pytest.mark.parametrize("kind", ["stage1_unet", "motion_modules", "flow_vae"])
def test_another_file_is_told_what_it_is(tmp_path, kind):
    path = write_release(tmp_path, kind)[kind]
    with pytest.raises(ValueError, match=r"is not a file of MCDiff's networks: by its keys it is"):
        read_mcdiff(path)


def test_a_file_that_nobody_knows_is_told_so(tmp_path):
    save_file(text(), tmp_path / "text.safetensors")
    with pytest.raises(ValueError, match="nor anything else that is known here"):
        read_mcdiff(tmp_path / "text.safetensors")


@pytest.mark.parametrize("halves", [(COMPLETION,), (FUTURE,), (COMPLETION, FUTURE)])
def test_other_loaders_say_which_node_takes_it(tmp_path, halves):
    path = write_mcdiff(tmp_path / "mcdiff.safetensors", halves=halves)
    for expected in ("stage1_unet", "image_vae", "motion_modules"):
        with pytest.raises(ValueError, match="MCDiff's networks, for the node 'Load MCDiff'"):
            read_checkpoint(path, expected)
    with pytest.raises(ValueError, match="for the node 'Load MCDiff'"):
        convert(path, tmp_path, torch.float16)


def test_a_file_cut_short_is_told(tmp_path):
    path = write_mcdiff(tmp_path / "mcdiff.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="was it downloaded to its end"):
        read_mcdiff(path)


def test_no_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a file"):
        read_mcdiff(tmp_path / "none.safetensors")


def test_what_was_read_outlives_the_file(tmp_path):
    path = write_mcdiff(tmp_path / "mcdiff.safetensors")
    file = read_mcdiff(path)
    content = path.read_bytes()
    with path.open("r+b") as disk:
        disk.seek(len(content) // 2)
        disk.write(bytes(len(content) // 2))
    whole = completion()
    assert all(
        torch.equal(file.completion[name], tensor.half())
        for name, tensor in whole.state_dict().items()
    )


def test_trainings_that_wrap_their_weights_are_read(tmp_path, tensors):
    torch.save({"state_dict": {f"module.{n}": t for n, t in tensors.items()}}, tmp_path / "a.pt")
    assert read_mcdiff(tmp_path / "a.pt").side == 128
