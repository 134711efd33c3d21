"""DOT's flow estimator: RAFT on patches of 8."""

import torch
from motion_i2v.models.trackers.queries import BOUNDARY, motion_boundary

from tests.parity import dot
from tests.parity.seeded import Folder, relative_error

NETWORKS = ()
FILE = "raft_patch_8"
BAR = dot.BAR


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors(FILE)
    raft = dot.network(folder, "raft_patch_8")
    contexts = dot.captured(raft.net.context_encoder)
    changes = dot.captured(raft.net.update_block.flow_head)
    correlations = dot.captured(raft.net.update_block.motion_encoder.convcorr1, of_input=True)
    motions = dot.captured(raft.net.update_block.motion_encoder)
    hidden = dot.captured(raft.net.update_block.recurrent_block)
    masks = dot.captured(raft.net.mask_predictor)
    source, target = (raft.features(dot.picture(given[name])) for name in ("src_u8", "tgt_u8"))
    flow = raft.flow(source, target)
    steps = [sum(changes[: i + 1]) for i in range(len(changes))]
    boundary = motion_boundary(flow)[None]
    return {
        "fmap": relative_error(source.cells[None, ::8], given["fmap_src_ch8"]),
        "cmap": relative_error(contexts[0][:, ::8], given["cmap_src_ch8"]),
        "corr": relative_error(correlations[0][:, ::9], given["corr_iter0_ch9"]),
        "motion": relative_error(motions[0][:, ::4], given["motfeat_iter0_ch4"]),
        "hidden": relative_error(hidden[0][:, ::4], given["net_iter0_ch4"]),
        "flow_low": relative_error(torch.cat(steps), given["flow_low_iters"]),
        "mask": relative_error(masks[-1][:, ::16], given["mask_iter11_ch16"]),
        "flow": relative_error(flow.permute(1, 2, 0)[None], given["flow"]),
        "boundary_soft": relative_error(boundary, given["boundary_soft"]),
        "boundary_mask": dot.flips(boundary > BOUNDARY, given["boundary_mask"]),
    }
