"""What the stages are trained on, and that the trained networks are what the host then runs."""

import json

import pytest
import torch
from safetensors.torch import save_file

from tests.tolerances import EIGHT_BIT, HALF, HUNDREDS, RELATIVE, SOLVED, Tolerance, close

pytestmark = pytest.mark.usefixtures("host_env")

WIDTHS = (32, 32, 32, 32)
CONTEXT = 16
HEADS = 2
SIZE = (48, 32)
LARGE = (128, 128)
"""So that no group norm is over a single number, whose rounding it would make large."""


def random_weights(network, seed=0):
    """Weights under which every layer matters, also those that begin at zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            fan = parameter[0].numel() if parameter.ndim > 1 else 1
            parameter.copy_(noise / fan**0.5 if parameter.ndim > 1 else parameter + 0.1 * noise)
    return network


def shape(kind):
    from motion_i2v.models.files.network_shapes import UNetShape

    return UNetShape(kind, WIDTHS, CONTEXT, HEADS)


def batch(clips=2, frames=4, seed=0, size=SIZE):
    generator = torch.Generator().manual_seed(seed)
    width, height = size
    flow = 4 * torch.randn(clips, frames, 2, 1, 1, generator=generator)
    flow = flow.expand(-1, -1, -1, height, width).clone()
    flow[:, 0] = 0
    return {
        "frames": torch.rand(clips, frames, 3, height, width, generator=generator),
        "flow": flow,
        "strides": 120 * torch.rand(clips, frames - 1, generator=generator),
        "caption": ["a cup moves"] * clips,
    }


def linear(channels, seed):
    """A frozen encoder: 8x8 blocks to four numbers of about SD's size."""
    generator = torch.Generator().manual_seed(seed)
    kernel = torch.randn(4, channels, 8, 8, generator=generator)

    def encode(x):
        return torch.nn.functional.conv2d(
            x - x.new_tensor(0.5 if channels == 2 else 0), kernel, stride=8
        )

    return encode


def text(captions):
    rows = [torch.full((1, 3, CONTEXT), float(len(caption))) for caption in captions]
    return torch.cat(rows) / 10


def frozen():
    from motion_i2v.training.objectives.denoising import Frozen
    from motion_i2v.training.objectives.noise import Schedule

    schedule = Schedule("v", zero_terminal_snr=True, at_end=0.3)
    return Frozen(linear(3, 1), linear(2, 2), text, schedule)


def stage1(step="whole", control=True, **changes):
    from motion_i2v.training.objectives import networks
    from motion_i2v.training.objectives.stage1 import Stage1Objective

    unet = networks.stage1_unet(shape("stage1_unet"))
    net = networks.stage1_control(shape("stage1_controlnet")) if control else None
    return Stage1Objective(unet, net, frozen(), step, **changes)


def gradients(objective, seed=0):
    loss, _ = objective.loss(batch(), torch.Generator().manual_seed(seed))
    loss.backward()
    return loss, {
        name
        for name, p in objective.modules.named_parameters()
        if p.grad is not None and p.grad.any()
    }


class TestSchedule:
    @pytest.mark.parametrize("prediction", ["eps", "v"])
    def test_what_is_said_gives_the_clean_latent_back(self, prediction):
        from motion_i2v.training.objectives.noise import Schedule

        schedule = Schedule(prediction)
        clean, noise = torch.randn(2, 5, 4, 3, 3, dtype=torch.float64)
        sigma = schedule.levels()[[0, 100, 500, 900, 999]].double()
        seen, said = schedule.noised(clean, noise, sigma)
        torch.testing.assert_close(schedule.clean(seen, said, sigma), clean)

    def test_pure_noise_ends_a_schedule_of_zero_snr(self):
        from motion_i2v.training.objectives.noise import Schedule

        assert Schedule("v", zero_terminal_snr=True).levels()[-1] > 1000
        assert Schedule().levels()[-1] < 30
        with pytest.raises(ValueError, match="needs v prediction"):
            Schedule("eps", zero_terminal_snr=True)

    def test_levels_are_those_of_the_released_schedule(self):
        from motion_i2v.training.objectives.noise import Schedule

        kept = (1 - torch.linspace(0.00085, 0.012, 1000, dtype=torch.float64)).cumprod(0)
        close(Schedule().levels().double(), ((1 - kept) / kept).sqrt(), RELATIVE)

    def test_timesteps(self):
        from motion_i2v.training.objectives.noise import Schedule

        def drawn(**options):
            return Schedule("v", True, **options).timesteps(4000, torch.Generator().manual_seed(0))

        close(drawn().float().mean(), 499.5, Tolerance(5))
        close(drawn(late=0.5).float().mean(), 666, Tolerance(8))
        close((drawn(at_end=0.4) == 999).float().mean(), 0.4, Tolerance(0.03))


class TestStrokes:
    @staticmethod
    def drawn(kind, flow, seed=0):
        from motion_i2v.models.types.motion_field import decode
        from motion_i2v.training.data.strokes import Drawing, draw

        shares = {"blocks": 0.0, "strokes": 0.0, "brush": 0.0} | ({kind: 1.0} if kind else {})
        flow01, mask = draw(flow, torch.Generator().manual_seed(seed), Drawing(**shares))
        return decode(flow01), mask

    @staticmethod
    def flow():
        """A square of 24 px that moves (9, -6) before a picture of 64x48 that rests."""
        flow = torch.zeros(4, 2, 48, 64)
        moved = (
            torch.tensor([9.0, -6.0])[None, :, None, None] * torch.arange(4)[:, None, None, None]
        )
        flow[:, :, 12:36, 20:44] = moved / 3
        return flow

    def test_nothing(self):
        made, mask = self.drawn(None, self.flow())
        assert not mask.any()
        assert made.abs().max() < 1e-5

    @pytest.mark.parametrize("seed", range(4))
    def test_blocks_hold_the_true_field_and_stay(self, seed):
        flow = self.flow()
        made, mask = self.drawn("blocks", flow, seed)
        assert mask.shape == (3, 1, 6, 8)
        assert torch.equal(mask, mask[:1].expand_as(mask))
        known = mask.repeat_interleave(8, 2).repeat_interleave(8, 3)
        close(made, flow[1:] * known, HUNDREDS)

    @pytest.mark.parametrize("seed", range(4))
    def test_strokes_hold_a_point_of_the_field(self, seed):
        made, _ = self.drawn("strokes", self.flow(), seed)
        drawn = made[-1].reshape(2, -1).T
        wanted = torch.tensor([9.0, -6.0])
        moving = drawn[drawn.norm(dim=1) > 0.1]
        assert len(moving) >= 144
        close(moving, wanted.expand_as(moving), SOLVED)

    @pytest.mark.parametrize("seed", range(4))
    def test_a_brush_says_still_only_where_all_is_still(self, seed):
        flow = self.flow()
        made, mask = self.drawn("brush", flow, seed)
        known = mask.repeat_interleave(8, 2).repeat_interleave(8, 3).expand_as(made) > 0
        still = known & (made.abs() < 1e-4)
        assert still.float().mean() > 0.4
        moves = (flow[1:].abs() > 0).any(1, keepdim=True).expand_as(made)
        # Nearest cells: the corner of a cell decides.
        corners = (slice(None), slice(None), slice(0, None, 8), slice(0, None, 8))
        assert not (still & moves)[corners].any()


class TestStage1:
    def test_it_learns(self):
        objective = stage1("field")
        one = batch(clips=2, frames=2)
        optimizer = torch.optim.AdamW(objective.modules.parameters(), lr=1e-2)
        losses = []
        for _ in range(10):
            loss, _ = objective.loss(one, torch.Generator().manual_seed(1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.5 * losses[0]

    @pytest.mark.parametrize(
        ("step", "temporal", "spatial"),
        [("field", False, True), ("temporal", True, False), ("whole", True, True)],
    )
    def test_each_step_trains_its_layers(self, step, temporal, spatial):
        objective = stage1(step, control=False)
        random_weights(objective.modules)
        _, trained = gradients(objective)
        assert any(".motion_modules." in name for name in trained) == temporal
        assert any(".motion_modules." not in name for name in trained) == spatial

    def test_the_controlnet_alone(self):
        objective = stage1("control")
        random_weights(objective.modules)
        _, trained = gradients(objective)
        assert trained
        assert all(name.startswith("control.") for name in trained)

    @pytest.mark.parametrize("control", [True, False])
    @pytest.mark.parametrize("drawing", [{}, {"drawing": None}])
    @pytest.mark.parametrize("step", ["field", "temporal", "whole"])
    def test_processes_are_told_whether_parts_get_no_gradient(self, step, drawing, control):
        objective = stage1(step, control, **drawing)
        random_weights(objective.modules)
        gradients(objective)
        wanted = (p for p in objective.modules.parameters() if p.requires_grad)
        assert objective.leaves_out == any(p.grad is None for p in wanted)

    def test_single_fields_do_not_touch_the_temporal_layers(self):
        objective = stage1("field")
        random_weights(objective.modules)
        before, _ = objective.loss(batch(), torch.Generator().manual_seed(0))
        random_weights(objective.modules["unet"].motion_modules, seed=9)
        after, _ = objective.loss(batch(), torch.Generator().manual_seed(0))
        assert torch.equal(before, after)
        objective.modules["unet"].clip.resting = False

    def test_a_controlnet_starts_as_the_encoder_and_adds_nothing(self):
        from motion_i2v.training.objectives import networks

        unet = random_weights(networks.stage1_unet(shape("stage1_unet")))
        control = networks.stage1_control(shape("stage1_controlnet"))
        networks.copy_encoder(control, unet)
        state, given = control.state_dict(), unet.state_dict()
        name = "input_blocks.4.0.in_layers.2.weight"
        assert torch.equal(state[name], given[name])
        x = torch.randn(2, 8, 4, 4)
        out = control(
            x,
            hint=torch.randn(2, 5, 4, 4),
            timesteps=torch.zeros(2),
            context=torch.randn(2, 3, CONTEXT),
            y=torch.randn(2, 32),
            clips=1,
        )
        assert not any(r.any() for r in (*out["output"], *out["middle"]))

    def test_recomputed_activations_give_the_same_gradients(self):
        objective = stage1()
        random_weights(objective.modules)
        loss, _ = gradients(objective)
        kept = {name: p.grad.clone() for name, p in objective.modules.named_parameters()}
        objective.modules.zero_grad()
        objective.gradient_checkpointing()
        again, _ = gradients(objective)
        assert torch.equal(loss, again)
        for name, parameter in objective.modules.named_parameters():
            torch.testing.assert_close(parameter.grad, kept[name], msg=name)

    def test_unknown_steps_are_refused(self):
        with pytest.raises(ValueError, match="field, temporal, whole"):
            stage1("everything")
        with pytest.raises(ValueError, match="no ControlNet"):
            stage1("control", control=False)


def written(objective, tmp_path):
    from motion_i2v.models.files.checkpoints import read_checkpoint

    read = {}
    for name, (tensors, metadata) in objective.files(objective.modules).items():
        told = {
            "motion_i2v.prediction": "v",
            "motion_i2v.zero_terminal_snr": "true",
            "motion_i2v.heads": str(HEADS),
            **metadata,
        }
        tensors = {key: tensor.contiguous() for key, tensor in tensors.items()}
        save_file(tensors, tmp_path / name, metadata=told)
        read[name] = read_checkpoint(tmp_path / name)
    return read


class TestTrainedIsWhatRuns:
    """The host's model, loaded from the file, answers as the network in training does."""

    def test_stage1(self, tmp_path):
        from motion_i2v.models.host import loading
        from motion_i2v.models.host.apply_control import apply_control
        from motion_i2v.models.host.sampling import Settings
        from motion_i2v.models.host.stage1_clip import Stage1Clip
        from motion_i2v.models.host.stage1_sampling import sample_flow, with_clip
        from motion_i2v.models.types.view import fit
        from motion_i2v.training.objectives.linear_vae import FACTOR

        objective = stage1(no_caption=0)
        random_weights(objective.modules)
        files = written(objective, tmp_path)
        assert {c.kind.key for c in files.values()} == {"stage1_unet", "stage1_controlnet"}
        one = batch(clips=1, size=LARGE)
        clean, reference, hint, context = objective._encoded(one, torch.Generator().manual_seed(0))
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            x = torch.cat([noise, reference[:, None].expand(-1, 3, -1, -1, -1)], dim=2)[0]
            t = torch.full((3,), 999)
            wide = context.expand(3, -1, -1)
            said = objective.predict(x, t, wide, one["strides"][0], hint[0], 1)
        sigma = objective.levels[999].expand(3)
        expected = objective.frozen.schedule.clean(noise[0], said, sigma)

        model = loading.load_motion_field_model(files["stage1_unet.safetensors"], torch.float32)
        control = loading.load_trajectory_control(
            files["stage1_controlnet.safetensors"], torch.float32
        )
        clip = Stage1Clip(
            reference / FACTOR, tuple(one["strides"][0].tolist()), fit(LARGE, *LARGE, crop=False)
        )
        words = [[context, {}]]
        positive, negative = apply_control(
            words, words, control, lambda _: hint[0], 1.0, (0.0, 1.0)
        )
        made = sample_flow(
            model,
            with_clip(positive, clip),
            with_clip(negative, clip),
            Settings(steps=1, cfg=1.0, sampler="euler", scheduler="normal"),
            noise=noise[0],
        )
        close(made * FACTOR, expected, HALF)

    def test_stage2(self, tmp_path):
        from motion_i2v.models.host.motion_module import load_motion_module
        from motion_i2v.models.host.sampling import Settings
        from motion_i2v.models.host.small_networks import load_image_unet
        from motion_i2v.models.host.stage2_sampling import (
            OWN,
            make_motion,
            sample_video,
            with_schedule,
        )
        from motion_i2v.models.types.motion_field import MotionField
        from motion_i2v.training.objectives import networks
        from motion_i2v.training.objectives.linear_vae import FACTOR
        from motion_i2v.training.objectives.stage2 import MotionObjective, Warps, encoded

        objective = MotionObjective(
            networks.image_unet(shape("sd15_unet")),
            frozen(),
            networks.motion_layers(WIDTHS),
            whole=True,
        )
        random_weights(objective.modules)
        files = written(objective, tmp_path)
        one = batch(clips=1, size=LARGE)
        clean, context = encoded(objective.frozen, one)
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            t = torch.full((1,), 999)
            said = objective.predict(clean, noise, t, context.flatten(0, 1), Warps(one["flow"]))
        sigma = objective.levels[999].expand(1)
        expected = objective.schedule.clean(noise, said, sigma)[0, 1:]

        model = with_schedule(load_image_unet(files["image_unet.safetensors"], torch.float32), OWN)
        module = load_motion_module(files["motion_module.safetensors"], torch.float32)
        motion = make_motion(MotionField(one["flow"][0]), clean[0, :1] / FACTOR)
        words = [[context[0, :1], {}]]
        made = sample_video(
            model,
            module,
            motion,
            words,
            words,
            Settings(steps=1, cfg=1.0, sampler="euler", scheduler="normal"),
            noise=noise[0],
        )
        close(made[1:] * FACTOR, expected, HALF)


class TestStage2:
    def test_warps_of_clips_together_are_those_of_each(self):
        from motion_i2v.models.networks.reference_warp import ReferenceWarp

        flow = 3 * torch.randn(3, 2, 2, 4, 6)
        features = torch.randn(3, 24, 5)
        together = ReferenceWarp(flow)
        (part,) = together.parts(5)
        made = together.warp(features.flatten(0, 1), part)
        for i in range(3):
            alone = ReferenceWarp(flow[i])
            (whole,) = alone.parts(5)
            torch.testing.assert_close(made[24 * i : 24 * i + 24], alone.warp(features[i], whole))

    @pytest.mark.parametrize("whole", [False, True])
    def test_the_image_unet_stays_unless_told(self, whole):
        from motion_i2v.training.objectives import networks
        from motion_i2v.training.objectives.stage2 import MotionObjective

        unet, layers = networks.image_unet(shape("sd15_unet")), networks.motion_layers(WIDTHS)
        objective = MotionObjective(unet, frozen(), layers, whole=whole)
        random_weights(objective.modules)
        _, trained = gradients(objective)
        assert any(name.startswith("motion.") for name in trained)
        assert any(name.startswith("unet.") for name in trained) == whole

    def test_the_field_matters(self):
        from motion_i2v.training.objectives import networks
        from motion_i2v.training.objectives.stage2 import MotionObjective

        objective = MotionObjective(
            networks.image_unet(shape("sd15_unet")),
            frozen(),
            networks.motion_layers(WIDTHS),
        )
        random_weights(objective.modules)
        one = batch()
        right = objective.sampled(one, torch.Generator().manual_seed(0), steps=2)
        turned = {**one, "flow": -one["flow"]}
        wrong = objective.sampled(turned, torch.Generator().manual_seed(0), steps=2)
        assert torch.equal(right[:, 0], wrong[:, 0])
        assert (right - wrong)[:, 1:].abs().max() > 1e-3

    def test_half_of_the_heads_begin_at_the_warped_frame(self):
        from motion_i2v.models.networks.temporal import positions
        from motion_i2v.training.objectives import networks
        from motion_i2v.training.objectives.warp_start import look_at_warp

        layers = networks.motion_layers((64, 64, 64, 64))
        look_at_warp(layers)
        block, frames = layers[3].transformer_blocks[0], 6
        attention, table = block.attention_blocks[0], positions(64)[: 2 * frames - 1]
        tokens = block.norms[0](torch.randn(50, 2 * frames - 1, 64)) + table
        q = attention.to_q(tokens[:, ::2]).unflatten(-1, (8, 8))
        k = attention.to_k(tokens).unflatten(-1, (8, 8))
        weight = torch.softmax(torch.einsum("bqhc,bkhc->bhqk", q, k) / 8**0.5, dim=-1)
        own = torch.stack([weight[:, :, i, 2 * i - 1] for i in range(1, frames)], dim=-1)
        assert own[:, :4].mean() > 0.75
        assert own[:, 4:].mean() < 0.3


class TestSampling:
    @pytest.mark.parametrize("steps", [1, 2, 7])
    def test_a_network_that_knows_is_followed(self, steps):
        from motion_i2v.training.objectives.noise import Schedule
        from motion_i2v.training.objectives.samples import sample

        schedule = Schedule("v", zero_terminal_snr=True)
        levels = schedule.levels()
        clean = torch.randn(2, 4, 3, 3)

        def predict(seen, t):
            sigma = levels[t].view(-1, 1, 1, 1)
            noise = (seen * (sigma**2 + 1).sqrt() - clean) / sigma
            return (noise - sigma * clean) / (sigma**2 + 1).sqrt()

        made = sample(predict, torch.randn(2, 4, 3, 3), schedule, torch.Generator(), steps)
        close(made, clean, EIGHT_BIT)


def test_training_goes_on_after_an_evaluation():
    from motion_i2v.models.networks.temporal import positions

    positions.cache_clear()
    with torch.inference_mode():
        positions(64)
    assert not positions(64).is_inference()


def test_a_file_tells_its_base_whatever_the_base_is_called():
    from motion_i2v.training.objectives.noise import Schedule
    from motion_i2v.training.objectives.pretrained import Pretrained

    name = 'my "best" \\ one.safetensors'
    base = Pretrained({}, shape("sd15_unet"), Schedule("eps", False), None, None, None, name)
    told = json.loads(base.metadata("clips")["motion_i2v.configuration"])
    assert told == {"base": name}
