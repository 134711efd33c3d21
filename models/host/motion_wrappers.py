"""Motion-augmented attention for a MODEL of the host: the wrappers around its sampling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import comfy.model_management as management
import comfy.model_sampling
import torch
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.patcher_extension import WrappersMP

from ..files.trained import EPS, V
from ..networks.clip_windows import blend_weights, windows
from ..networks.motion_attention import MAX_FRAMES
from .first_frame_control import clean_first_frame, has_control
from .frame_slices import POSITION, check_counts, corners, sliced, with_positions
from .mcdiff_networks import FutureFrameUNet
from .motion_module import MotionModule, inserted
from .motion_run import Area, Motion, MotionRun
from .temporal_layers import clip_length

KEY = "motion_i2v"
RUN, FRAMES, AREAS = f"{KEY}_run", f"{KEY}_frames", f"{KEY}_areas"
MODULE = f"{KEY}_module"


def apply_motion(model: Any, module: MotionModule, motion: Motion) -> Any:
    """A clone of a MODEL that makes motion-augmented video; one that did already is told anew.

    Args:
        model: any SD 1.5 MODEL, with whatever patches; it is left as it is.

    Raises:
        ValueError: for a model that has no place for the modules, or core Context Windows.
    """
    check_model(model, module)
    clone = model.clone()
    remove_motion(clone)
    wrappers = MotionWrappers(module, motion)
    for kind, wrapper in wrappers.all():
        clone.add_wrapper_with_key(kind, KEY, wrapper)
    clone.set_additional_models(KEY, [module.patcher])
    return clone


def remove_motion(model: Any) -> None:
    """Takes the wrappers and the modules off a MODEL; does nothing where there are none."""
    for kind, _ in MotionWrappers.KINDS:
        model.remove_wrappers_with_key(kind, KEY)
    model.remove_additional_models(KEY)


def check_model(model: Any, module: MotionModule) -> None:
    """Raises ValueError unless the modules fit into the MODEL's UNet."""
    unet = model.model.diffusion_model
    config = getattr(model.model.model_config, "unet_config", {})
    channels = config.get("in_channels")
    name = type(model.model).__name__
    if channels == 8 and config.get("num_classes") == "sequential":
        raise ValueError(
            "this is the motion-field model of stage 1; motion-augmented attention needs the SD "
            "1.5 model that paints the frames, from 'Load Checkpoint'"
        )
    if isinstance(unet, FutureFrameUNet):
        raise ValueError(
            "this is the future-frame model of MCDiff, which paints frames by itself: use the "
            "'MCDiff Sampler'; motion-augmented attention needs an SD 1.5 model"
        )
    if not isinstance(unet, UNetModel) or _is_larger(config):
        raise ValueError(
            f"motion-augmented attention needs an SD 1.5 model; this one is {name} "
            f"({type(model.model.model_config).__name__}), for which no motion modules exist"
        )
    if channels != 4:
        raise ValueError(
            f"motion-augmented attention needs an SD 1.5 model with 4 input channels; this one has "
            f"{channels} (an inpainting or instruction model). Use the ordinary "
            "checkpoint that it was made from"
        )
    widths = tuple(unet.model_channels * mult for mult in unet.channel_mult)
    if widths != module.widths:
        raise ValueError(
            f"the motion modules of {module.source} are for a UNet of widths "
            f"{list(module.widths)}, but the model's are {list(widths)}"
        )
    _refuse_flow_matching(model)
    _check_prediction(model, module)
    _refuse_context_windows(model.model_options)


def _check_prediction(model: Any, module: MotionModule) -> None:
    """Only modules whose file tells what they were trained with can disagree."""
    sampling = model.get_model_object("model_sampling")
    predicts = V if isinstance(sampling, comfy.model_sampling.V_PREDICTION) else EPS
    if module.trained.prediction not in ("", predicts):
        raise ValueError(
            f"the motion modules of {module.source} were trained for a model that predicts "
            f"{module.trained.prediction}, but this one predicts {predicts}; use the model that "
            "they were trained with"
        )


def _refuse_flow_matching(model: Any) -> None:
    if isinstance(model.get_model_object("model_sampling"), comfy.model_sampling.CONST):
        raise ValueError(
            "motion-augmented attention needs a diffusion schedule (eps or v prediction); the "
            "model was given a flow-matching one. Remove the ModelSampling node"
        )


def _is_larger(config: dict[str, Any]) -> bool:
    """Whether a UNet is SDXL's or SD 2's rather than SD 1's."""
    return config.get("adm_in_channels") is not None or config.get("context_dim") == 1024


def _refuse_context_windows(model_options: dict[str, Any]) -> None:
    if model_options.get("context_handler") is not None:
        raise ValueError(
            "the core Context Windows node cannot be used with motion-augmented attention: each "
            "window needs the reference frame, which it would leave out. Remove it; clips of more "
            f"than {MAX_FRAMES} frames get windows of their own"
        )


class MotionWrappers:
    """The wrappers of one applied motion. Between runs they hold nothing of a run.

    Args:
        module: the temporal layers.
        motion: what they follow.
    """

    KINDS = (
        (WrappersMP.OUTER_SAMPLE, "outer_sample"),
        (WrappersMP.PREPARE_SAMPLING, "prepare_sampling"),
        (WrappersMP.PREDICT_NOISE, "predict_noise"),
        (WrappersMP.CALC_COND_BATCH, "calc_cond_batch"),
        (WrappersMP.APPLY_MODEL, "apply_model"),
        (WrappersMP.DIFFUSION_MODEL, "diffusion_model"),
    )

    def __init__(self, module: MotionModule, motion: Motion) -> None:
        self.module = module
        self.motion = motion

    def all(self) -> list[tuple[str, Callable]]:
        return [(kind, getattr(self, name)) for kind, name in self.KINDS]

    def outer_sample(
        self,
        executor: Any,
        noise: torch.Tensor,
        latent: torch.Tensor,
        sampler: Any,
        sigmas: torch.Tensor,
        *args: Any,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Begins a run, and ends it with frame 0 exactly the reference, whatever the sampler."""
        guider = executor.class_obj
        _refuse_context_windows(guider.model_options)
        _refuse_flow_matching(guider.model_patcher)
        self._check_latents(tuple(noise.shape))
        base = guider.model_patcher.model
        device = guider.model_patcher.load_device
        run = self._new_run(base, device)
        run.noise = _start_noise(noise, latent, base, run.scaled, sigmas).to(device)
        run.first_sigma = float(sigmas[0])
        guider.model_options["transformer_options"][RUN] = run
        # Asked before sampling: uni_pc writes another last sigma into the tensor that it is given.
        last = float(sigmas[-1])
        latents = executor(noise, latent, sampler, sigmas, *args, **kwargs)
        if last > 0:
            return self._unfinished(run, base, latents, last)
        return run.finished(latents)

    def prepare_sampling(
        self, executor: Any, model: Any, noise_shape: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """A run needs the memory of one window."""
        frames = min(noise_shape[0], self.module.trained.frames)
        return executor(model, [frames, *noise_shape[1:]], *args, **kwargs)

    def predict_noise(
        self,
        executor: Any,
        x: torch.Tensor,
        timestep: torch.Tensor,
        model_options: dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Keeps what lies outside the region before each call but the first."""
        run = model_options.get("transformer_options", {}).get(RUN)
        if run is not None:
            run.keep_outside(x, timestep, executor.class_obj.inner_model.model_sampling)
        return executor(x, timestep, model_options, *args, **kwargs)

    def calc_cond_batch(
        self,
        executor: Any,
        model: Any,
        conds: list,
        x: torch.Tensor,
        timestep: torch.Tensor,
        model_options: dict[str, Any],
    ) -> list[torch.Tensor]:
        """Tells the conditionings where they lie, and slides windows over long clips."""
        check_counts(conds, x.shape[0])
        if has_control(conds):
            x = self._with_clean_first(model, x, timestep, model_options)
        conds = with_positions(conds, x.shape[2], x.shape[3])
        parts = windows(x.shape[0], self.motion.overlap, self.module.trained.frames)
        if len(parts) == 1:
            with clean_first_frame(conds, x.shape[0]):
                return executor(model, conds, x, timestep, model_options)
        totals = [torch.zeros_like(x) for _ in conds]
        weights = x.new_zeros(x.shape[0], 1, 1, 1)
        for part in parts:
            management.throw_exception_if_processing_interrupted()
            weight = blend_weights(part).to(x).view(-1, 1, 1, 1)
            options = _with_options(model_options, FRAMES, tuple(part))
            seen = sliced(conds, part, x.shape[0])
            with clean_first_frame(seen, len(part)):
                results = executor(model, seen, x[part], timestep[part], options)
            for total, result in zip(totals, results, strict=True):
                total[part] += result * weight
            weights[part] += weight
        return [total / weights for total in totals]

    def apply_model(
        self,
        executor: Any,
        x: torch.Tensor,
        t: torch.Tensor,
        c_concat: Any = None,
        c_crossattn: Any = None,
        control: Any = None,
        transformer_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Gives the network the clean reference at timestep 1 as the first frame of each clip."""
        options = dict(transformer_options or {})
        base = executor.class_obj
        run = options.get(RUN)
        if run is None:
            run = options[RUN] = self._new_run(base, x.device)
        position = kwargs.pop(POSITION, None)
        frames = len(self._frames(options))
        areas = options[AREAS] = self._areas(x, frames, options, position)
        options[MODULE] = self._module_of(base)
        sampling = base.model_sampling
        sigma = sampling.sigma(torch.ones(1)).to(t)
        clean = torch.stack([run.reference(area) for area in areas]).to(x)
        x, t = x.clone(), t.clone()
        x[::frames] = clean * (sigma**2 + sampling.sigma_data**2) ** 0.5
        t[::frames] = sigma
        denoised = executor(x, t, c_concat, c_crossattn, control, options, **kwargs)
        # A control may have changed the prediction of a frame that is known.
        denoised[::frames] = clean.to(denoised)
        return denoised

    def diffusion_model(
        self,
        executor: Any,
        x: torch.Tensor,
        timesteps: torch.Tensor,
        context: Any = None,
        y: Any = None,
        control: Any = None,
        transformer_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Puts the temporal layers into the UNet for this call."""
        options = {} if transformer_options is None else transformer_options
        run: MotionRun | None = options.get(RUN)
        strength = self.motion.temporal_strength
        if run is None or AREAS not in options:
            raise ValueError(
                "the UNet was called past the host's sampling functions (another node replaced "
                "them), so the motion field has no place in it; remove that node"
            )
        frames, areas = self._frames(options), options[AREAS]
        # Some schedules (LCM's, continuous ones) have no sigma that stands for timestep 1.
        timesteps = timesteps.clone()
        timesteps[:: len(frames)] = 1
        arguments = (x, timesteps, context, y, control, transformer_options)
        if strength == 0:
            return executor(*arguments, **kwargs)

        def follow(temporal: Any, features: torch.Tensor) -> torch.Tensor:
            mixed = _mixed(temporal, features, frames, areas, run)
            return mixed if strength == 1 else torch.lerp(features, mixed, strength)

        with inserted(options[MODULE], executor.class_obj, follow):
            return executor(*arguments, **kwargs)

    def _unfinished(
        self, run: MotionRun, base: Any, latents: torch.Tensor, last: float
    ) -> torch.Tensor:
        """Latents that another sampler goes on with: the step that was made was not the last."""
        x = base.process_latent_in(latents).to(run.scaled)
        run.keep_outside(x, x.new_full((len(x),), last), base.model_sampling)
        return base.process_latent_out(x).to(latents)

    def _with_clean_first(
        self, base: Any, x: torch.Tensor, sigma: torch.Tensor, model_options: dict[str, Any]
    ) -> torch.Tensor:
        """The latents x [F, 4, h, w], with a frame 0 that scales to the clean reference.

        For ControlNets, which look at x before `apply_model` is called.
        """
        run = model_options.get("transformer_options", {}).get(RUN)
        if run is None or run.scaled.shape[2:] != x.shape[2:]:
            return x
        level = (sigma[:1] ** 2 + base.model_sampling.sigma_data**2) ** 0.5
        return torch.cat([run.scaled.to(x) * level.to(x).view(1, 1, 1, 1), x[1:]])

    def _new_run(self, base: Any, device: Any) -> MotionRun:
        return MotionRun(self.motion, base.process_latent_in(self.motion.reference).to(device))

    def _module_of(self, base: Any) -> MotionModule:
        """The layers that go with a UNet: where several GPUs work, each has its own."""
        patcher = getattr(base, "current_patcher", None)
        own = [] if patcher is None else patcher.get_additional_models_with_key(KEY)
        return replace(self.module, patcher=own[0]) if own else self.module

    def _frames(self, options: dict[str, Any]) -> tuple[int, ...]:
        """The frames of the clip that the network sees now."""
        return options.get(FRAMES) or tuple(range(self.motion.frames))

    def _areas(
        self, x: torch.Tensor, frames: int, options: dict[str, Any], position: Any
    ) -> list[Area]:
        """Which part of the latent each clip of the batch x is."""
        chunks = len(options.get("cond_or_uncond") or range(x.shape[0] // frames))
        if clip_length(x.shape[0], max(1, chunks)) != frames:
            raise ValueError(
                f"the network was given {x.shape[0]} frames for {chunks} conditionings, but the "
                f"motion field has {self.motion.frames}"
            )
        size = (x.shape[2], x.shape[3])
        if position is not None:
            return [(top, left, *size) for top, left in corners(position, chunks)]
        if size != self.motion.latent_size:
            raise ValueError(
                f"the network was given latents of {size[1]}x{size[0]} (width x height), a part of "
                f"the {self.motion.latent_size[1]}x{self.motion.latent_size[0]} that the motion "
                "field is for, and nothing says which; use area conditioning of the core nodes"
            )
        return [(0, 0, *size)] * chunks

    def _check_latents(self, shape: tuple[int, ...]) -> None:
        expected = (self.motion.frames, 4, *self.motion.latent_size)
        if shape != expected:
            given = f"{shape[0]} frames of {shape[-1]}x{shape[-2]}" if len(shape) == 4 else shape
            raise ValueError(
                f"the latents to sample are {given} (width x height), but the motion field and the "
                f"reference are for {expected[0]} frames of {expected[3]}x{expected[2]}; use the "
                "latent that 'Apply Motion-Augmented Attention' returns, or 'Retime Motion Field'"
            )


def _mixed(
    temporal: Any,
    features: torch.Tensor,
    frames: tuple[int, ...],
    areas: list[Area],
    run: MotionRun,
) -> torch.Tensor:
    """The features after the temporal layer; clips of one part of the picture go together."""
    size, device = (features.shape[2], features.shape[3]), features.device
    if len(set(areas)) == 1:
        warp = run.warp(frames, areas[0], size, device)
        return temporal(features, len(frames), warp=warp)
    clips = zip(features.chunk(len(areas)), areas, strict=True)
    return torch.cat(
        [
            temporal(clip, len(frames), warp=run.warp(frames, area, size, device))
            for clip, area in clips
        ]
    )


def _with_options(model_options: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    options = {**model_options.get("transformer_options", {}), key: value}
    return {**model_options, "transformer_options": options}


def _start_noise(
    noise: torch.Tensor, latent: torch.Tensor, base: Any, scaled: torch.Tensor, sigmas: torch.Tensor
) -> torch.Tensor:
    """The run's start noise; where the latent brings it along, what it has beyond the reference."""
    if bool(noise.any()):
        return noise
    start = base.process_latent_in(latent).to(scaled)
    return (start - scaled) / sigmas[:1].to(scaled).clamp(min=1e-3)
