"""DOT's refiner: RAFT on patches of 4, with visibility."""

import torch

from tests.parity import dot
from tests.parity.seeded import Folder, relative_error

NETWORKS = ()
FILE = "refiner_patch_4_alpha"
BAR = dot.BAR


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors(FILE)
    refiner = dot.network(folder, "raft_patch_4_alpha")
    contexts = dot.captured(refiner.context_encoder)
    correlations = dot.captured(refiner.motion_encoder.convcorr1, of_input=True)
    changes, alphas = dot.captured(refiner.flow_head), dot.captured(refiner.alpha_head)
    source = refiner.source(dot.picture(given["src_u8"]))
    coarse = given["coarse_flow"].permute(0, 3, 1, 2)
    alpha = given["coarse_alpha"][:, None].clamp(1e-5, 1 - 1e-5).logit()
    flow, seen = refiner(source, dot.picture(given["tgt_u8"]), coarse[0], given["coarse_alpha"][0])
    flows = [coarse + sum(changes[: i + 1]) for i in range(len(changes))]
    logits = [alpha + sum(alphas[: i + 1]) for i in range(len(alphas))]
    return {
        "fmap": relative_error(source.cells[None, ::8], given["fmap_src_ch8"]),
        "cmap": relative_error(contexts[0][:, ::8], given["cmap_src_ch8"]),
        "corr": relative_error(correlations[0][:, ::9], given["corr_iter0_ch9"]),
        "flow_low": relative_error(torch.cat(flows), given["flow_low_iters"]),
        "alpha_low": relative_error(torch.cat(logits), given["alpha_logit_low_iters"]),
        "flow": relative_error(flow.permute(1, 2, 0)[None], given["flow"]),
        "alpha": relative_error(seen[None], given["alpha_prob"]),
        "visible": dot.flips(seen[None] > 0.8, given["alpha_binary"]),
    }
