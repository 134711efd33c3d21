"""Forward average splatting."""

from motion_i2v.models.networks.splat import splat_average

from tests.parity.seeded import Folder, relative_error

NETWORKS = ()
BAR = 2e-5


def run(folder: Folder) -> dict[str, float]:
    given = folder.tensors("splat_avg")
    return {"warped": relative_error(splat_average(given["x"], given["flow"]), given["warped"])}
