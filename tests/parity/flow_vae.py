"""The flow VAE: posterior, and decoded fields."""

from motion_i2v.models.files.checkpoints import checkpoint_of

from tests.parity.seeded import Folder, relative_error

NETWORKS = ("flow_vae",)
BAR = 2e-5


def load(folder: Folder):
    from motion_i2v.models.host.loading import load_flow_vae

    return load_flow_vae(checkpoint_of(folder.weights("flow_vae"), "weights.json", "flow_vae"))


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors("flow_vae")
    vae = load(folder)
    _, logvar = vae.posterior(given["flow01"])
    return {
        "mean": relative_error(vae.encode_flow(given["flow01"]), given["mean"]),
        "logvar": relative_error(logvar.cpu(), given["logvar"]),
        "decoded": relative_error(vae.decode_flow(given["z"]), given["decoded"]),
    }
