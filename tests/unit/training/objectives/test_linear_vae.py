"""Linear autoencoders, and training decoders for them, on the host's own classes."""

# ruff: noqa: E402 (the host must be on the path before anything of it is imported)

import argparse

import pytest
import torch

from testing.comfyui import load_host
from tests.tolerances import ACCUMULATED, FLOAT32, FLOAT64, HUNDREDS, SOLVED, Tolerance, close

load_host()

from motion_i2v.models.files.checkpoints import checkpoint_of
from motion_i2v.models.host.flow_vae import FlowVAE
from motion_i2v.scenes.photographs import Photographs
from motion_i2v.training.commands import vae_commands
from motion_i2v.training.data.scene_batches import FieldPixels, PicturePixels
from motion_i2v.training.objectives import networks, vae_objective
from motion_i2v.training.objectives.linear_vae import (
    FACTOR,
    blocks_of,
    construct_encoder,
    decode_linear,
    encode_linear,
    fit_pca,
    linear_part,
)
from motion_i2v.training.objectives.soft_norms import hardened, soften, softened
from motion_i2v.training.objectives.vae_objective import AutoencoderObjective, DecoderObjective

NARROW = (64, 64, 64, 64)
"""The narrowest that carries pictures; fields need no more either, at two channels a group."""


@pytest.fixture(scope="module")
def photographs():
    return Photographs("train")


@pytest.fixture(scope="module")
def pixels(photographs):
    """What goes into the encoders: a batch of each kind; fields that move most come first."""
    fields = FieldPixels(photographs, 0, 8, 4, ((64, 64),))(0, 0, 1)["pixels"]
    most = (fields - 0.5).abs().amin((2, 3)).amax(1).argsort(descending=True)
    pictures = PicturePixels(photographs, 0, 16, ((64, 64),))(0, 0, 1)["pixels"]
    return {"image_vae": pictures, "flow_vae": fields[most]}


@pytest.fixture(scope="module", params=["image_vae", "flow_vae"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def pca(kind, pixels):
    return fit_pca(blocks_of(pixels[kind]), kind)


def through_host(tensors, kind, widths, x):
    """Posterior means by the host's autoencoder; its decoder is not asked."""
    net = networks.autoencoder(widths, x.shape[1])
    table = networks.entries(kind, widths)
    whole = networks.released_tensors(net.state_dict(), kind, table)
    networks.load_released(net, kind, {**whole, **tensors}, table)
    with torch.no_grad():
        return net.quant_conv(net.encoder(x)).chunk(2, dim=1)


def relative(a, b):
    return float((a - b).norm() / b.norm())


def test_latents_have_mean_square_1_and_grow_with_the_root_of_their_component(kind, pixels, pca):
    z = FACTOR * encode_linear(pca, pixels[kind])
    spread = z.square().mean((0, 2, 3)).sqrt()
    natural = spread / (FACTOR * pca.scales)
    close(spread.square().mean(), 1, SOLVED)
    assert (natural[:-1] >= natural[1:]).all()
    if kind == "image_vae":
        ratios = spread / natural.sqrt()
        close(ratios, ratios[0].expand(4), Tolerance(relative=1e-3))
    else:
        assert spread.min() >= 0.25 * spread.max() * 0.999


def test_components_are_orthonormal_and_the_linear_decoding_is_the_projection(kind, pixels, pca):
    close(pca.components @ pca.components.T, torch.eye(4), ACCUMULATED)
    x = pixels[kind]
    out = decode_linear(pca, encode_linear(pca, x))
    assert relative(decode_linear(pca, encode_linear(pca, out)), out) < 1e-5
    centred = x - pca.mean[:, None, None]
    assert (out - x).norm() < 0.5 * centred.norm()


def test_rank_4_blocks_come_back(kind):
    generator = torch.Generator().manual_seed(1)
    channels = vae_objective.CHANNELS[kind]
    basis = torch.randn(4, channels * 64, generator=generator)
    blocks = (torch.randn(500, 4, generator=generator) @ basis).reshape(500, channels, 8, 8) * 0.1
    mean = 0.5 if kind == "flow_vae" else 0.0
    if kind == "image_vae":
        blocks = torch.cat([blocks, -blocks])  # so that the mean is 0
    code = fit_pca(blocks + mean, kind)
    x = blocks + mean
    close(decode_linear(code, encode_linear(code, x)), x, HUNDREDS)


def test_too_little_to_fit_is_said(kind):
    channels = vae_objective.CHANNELS[kind]
    with pytest.raises(ValueError, match="too few"):
        fit_pca(torch.rand(50, channels, 8, 8), kind)
    with pytest.raises(ValueError, match="vary too little"):
        fit_pca(torch.full((500, channels, 8, 8), 0.5), kind)


@pytest.mark.parametrize("widths", [NARROW, (64, 64, 128, 128)])
@pytest.mark.parametrize("size", [(64, 64), (56, 24)])
def test_the_constructed_encoder_is_the_linear_map(kind, pixels, pca, widths, size):
    x = pixels[kind][:2, :, : size[1], : size[0]]
    mean, logvar = through_host(construct_encoder(pca, widths), kind, widths, x)
    assert relative(mean, encode_linear(pca, x)) < 1e-5
    assert (logvar == -30).all()


def test_flat_pictures_keep_their_brightness(pca, kind):
    x = torch.full((1, pca.channels, 32, 32), 0.6)
    mean, _ = through_host(construct_encoder(pca, NARROW), kind, NARROW, x)
    assert relative(mean, encode_linear(pca, x)) < 1e-4


def test_the_constructed_encoder_survives_float16_storage(kind, pixels, pca):
    stored = {name: t.half().float() for name, t in construct_encoder(pca, NARROW).items()}
    mean, _ = through_host(stored, kind, NARROW, pixels[kind][:2])
    assert relative(mean, encode_linear(pca, pixels[kind][:2])) < 1e-3
    # And the code that is read back has the file's rounding.
    assert relative(mean, encode_linear(linear_part(stored), pixels[kind][:2])) < 1e-5


def test_a_code_is_read_back_from_the_encoder(pca):
    again = linear_part(construct_encoder(pca, NARROW))
    assert again.mean == pytest.approx(pca.mean)
    close(again.kernel, pca.kernel, FLOAT32)


def test_other_encoders_are_no_linear_code(kind):
    channels = vae_objective.CHANNELS[kind]
    net = networks.autoencoder(NARROW, channels)
    tensors = networks.released_tensors(net.state_dict(), kind, networks.entries(kind, NARROW))
    with pytest.raises(ValueError, match="not a linear code"):
        linear_part(tensors)


def test_narrower_widths_are_refused(pca):
    with pytest.raises(ValueError, match="must be at least"):
        construct_encoder(pca, (64, 64, 64, 32))


def test_a_field_at_rest_has_latent_0_exactly(pixels):
    pca = fit_pca(blocks_of(pixels["flow_vae"]), "flow_vae")
    still = torch.full((1, 2, 40, 24), 0.5)
    assert (encode_linear(pca, still) == 0).all()
    tensors = {name: t.half().float() for name, t in construct_encoder(pca, NARROW).items()}
    mean, _ = through_host(tensors, "flow_vae", NARROW, still)
    assert (mean == 0).all()


@torch.no_grad()
def test_soft_norms_are_written_as_sds_norms():
    torch.manual_seed(2)
    net = networks.autoencoder((32, 32, 32, 32), 2).double()
    for parameter in net.parameters():
        parameter += 0.05 * torch.randn_like(parameter)
    x = torch.rand(1, 2, 32, 32, dtype=torch.float64)
    soften(net)
    z, out = net.encoder(x), net.decoder(torch.ones(1, 4, 4, 4, dtype=torch.float64))
    other = networks.autoencoder((32, 32, 32, 32), 2).double()
    other.load_state_dict(hardened(net.state_dict()))
    close(other.encoder(x), z, FLOAT64)
    again = other.decoder(torch.ones(1, 4, 4, 4, dtype=torch.float64))
    close(again, out, FLOAT64)
    back = softened(other.state_dict())
    assert all(torch.equal(back[name], tensor) for name, tensor in net.state_dict().items())


@torch.no_grad()
def test_a_decoder_begins_with_the_means_of_blocks(kind, pixels, pca):
    objective = DecoderObjective(kind, NARROW, pca)
    x = pixels[kind][:4]
    linear = torch.nn.functional.avg_pool2d(decode_linear(pca, encode_linear(pca, x)), 8)
    blocks = linear.repeat_interleave(8, 2).repeat_interleave(8, 3)
    out = objective.decoded(x)
    assert (out - blocks).norm() < 0.05 * (blocks - pca.mean[:, None, None]).norm()
    still = torch.full((1, 2, 32, 32), 0.5)
    if kind == "flow_vae":
        assert (objective.decoded(still) == 0.5).all()


def train_a_little(objective, batch, steps=12, rate=2e-3):
    torch.manual_seed(3)
    optimizer = torch.optim.AdamW(objective.modules.parameters(), lr=rate)
    losses = []
    for step in range(steps):
        loss, figures = objective.loss(batch, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(torch.as_tensor(value).isfinite() for value in figures.values())
    return losses


def test_a_decoder_learns_and_its_file_is_what_was_trained(kind, pixels, pca):
    torch.manual_seed(4)
    objective = DecoderObjective(kind, NARROW, pca)
    x = pixels[kind][:4, :, :32, :32]
    # It begins well, so it is the pictures' edges, and here the pace, that a few steps learn.
    losses = train_a_little(objective, {"pixels": x}, rate=5e-4)
    assert min(losses[-3:]) < (0.95 * losses[0] if kind == "image_vae" else losses[1])
    [(name, (tensors, metadata))] = objective.files(objective.modules).items()
    assert name == f"{kind}.safetensors"
    assert metadata["motion_i2v.kind"] == kind
    stored = {name: tensor.half() for name, tensor in tensors.items()}
    checkpoint = checkpoint_of(stored, name, kind, metadata)
    net = networks.autoencoder(NARROW, pca.channels)
    floats = {name: tensor.float() for name, tensor in checkpoint.tensors.items()}
    networks.load_released(net, kind, floats, networks.entries(kind, NARROW))
    with torch.no_grad():
        out = net.decode(net.encode(x))
        trained = objective.decoded(x)
    # float16 rounds the small weights of resnets: a hundredth of the contrast, no more.
    assert (out - trained).abs().mean() < 0.03 * (x - pca.mean[:, None, None]).abs().mean()


def test_the_flow_vae_node_reads_the_file(pixels):
    pca = fit_pca(blocks_of(pixels["flow_vae"]), "flow_vae")
    objective = DecoderObjective("flow_vae", NARROW, pca)
    tensors, metadata = objective.files(objective.modules)["flow_vae.safetensors"]
    vae = FlowVAE(checkpoint_of(tensors, "trained", "flow_vae", metadata))
    x = pixels["flow_vae"][:2, :, :40, :]
    with torch.no_grad():
        z = vae.encode_flow(x)
        assert relative(z, encode_linear(pca, x)) < 1e-5
        expected = objective.decoded(x)
        close(vae.decode_flow(z), expected, HUNDREDS)


def test_both_halves_learn_and_go_on_from_their_file(pixels):
    torch.manual_seed(5)
    objective = AutoencoderObjective("flow_vae", (32, 32, 32, 32))
    batch = {"pixels": pixels["flow_vae"][:2, :, :32, :32]}
    losses = train_a_little(objective, batch)
    assert min(losses[-3:]) < losses[0]
    assert objective.modules.encoder.conv_in.weight.grad.any()
    tensors, metadata = objective.files(objective.modules)["flow_vae.safetensors"]
    start = checkpoint_of(tensors, "trained", "flow_vae", metadata)
    again = AutoencoderObjective("flow_vae", start.widths, start=start)
    with torch.no_grad():
        out = again.decoded(batch["pixels"])
        close(out, objective.decoded(batch["pixels"]), ACCUMULATED)


def test_a_foreign_file_keeps_its_norms():
    net = networks.autoencoder((32, 32, 32, 32), 3)
    table = networks.entries("image_vae", (32, 32, 32, 32))
    tensors = networks.released_tensors(net.state_dict(), "image_vae", table)
    start = checkpoint_of(tensors, "foreign", "image_vae")
    objective = AutoencoderObjective("image_vae", start.widths, start=start)
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        assert objective.decoded(x) == pytest.approx(net.decode(net.encode(x)))
    written, _ = objective.files(objective.modules)["image_vae.safetensors"]
    assert all(torch.equal(written[name], tensor) for name, tensor in tensors.items())


def test_the_code_must_fit_the_kind(pca, kind):
    other = {"image_vae": "flow_vae", "flow_vae": "image_vae"}[kind]
    with pytest.raises(ValueError, match="channels"):
        DecoderObjective(other, NARROW, pca)


def test_batches_depend_on_their_number_alone(photographs):
    for make in (
        PicturePixels(photographs, 1, 2, ((32, 32), (48, 32))),
        FieldPixels(photographs, 1, 2, 2, ((32, 32), (48, 32))),
    ):
        assert torch.equal(make(3, 0, 1)["pixels"], make(3, 0, 1)["pixels"])
        assert make(3, 0, 1)["pixels"].shape[-2:] == (32, 48)
        assert not torch.equal(make(3, 0, 2)["pixels"], make(3, 1, 2)["pixels"])


@pytest.mark.parametrize("command", ["flow-vae", "image-vae"])
@pytest.mark.parametrize("encoder", ["linear", "learned"])
def test_the_command_trains_and_goes_on(tmp_path, command, encoder):
    def run(*more):
        parser = argparse.ArgumentParser()
        parser.set_defaults(command=command)
        vae_commands.add_arguments(parser)
        widths = "64,64,64,64" if encoder == "linear" else "32,32,32,32"
        return vae_commands.run(
            parser.parse_args(
                [
                    *("--out", str(tmp_path), "--encoder", encoder, "--widths", widths),
                    *("--size", "48x32", "--batch", "2", "--threads", "1", *more),
                ]
            )
        )

    assert run("--steps", "2", "--report-every", "1") == 0
    name = command.replace("-", "_") + ".safetensors"
    assert (tmp_path / "files" / name).is_file()
    assert run("--steps", "3") == 0
