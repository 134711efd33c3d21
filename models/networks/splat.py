"""Forward splatting: carry the pixels of the reference frame to where the motion field sends them.

A source pixel at p lands at p + f(p), between four target pixels, and gives each of them its
value with a bilinear weight. This is a sparse matrix with at most four entries a source pixel.
`SplatPlan` builds that matrix once for a field, sorted by target, and then only multiplies: every
target's sum has one fixed order, with no atomics, so results are bit-equal from run to run on
every device and do not depend on how a batch is split.

Sums run in float32 (float64 for float64 features); results have the features' dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

EPSILON = 1e-7
"""Added to every sum of weights, as in the released code: where nothing lands the result is 0."""


@dataclass(frozen=True)
class _Matrix:
    """The structure of a sparse [rows, columns] matrix, sorted by row, then by source pixel.

    Args:
        entry: [K] where in the plan's flat weights the value of each stored entry is.
        column: [K] the source row that each entry reads.
        offset: [rows + 1] where each row starts among the entries.
    """

    entry: Tensor
    column: Tensor
    offset: Tensor

    @cached_property
    def row(self) -> Tensor:
        """[K] the row of each entry."""
        counts = self.offset.diff().long()
        return torch.repeat_interleave(counts, output_size=self.entry.numel())


class SplatPlan:
    """Everything about forward splatting that depends on the field only, computed once.

    The plan follows the field's device. Nothing here is differentiable in the flow: training takes
    `rows_matrix` and learns what is carried.

    Args:
        flow: [B, 2, H, W] pixels, x then y: B fields from the reference frame.

    Attributes:
        fields: B.
        size: (W, H) of the targets.
        points: how many a field has that land.
        coverage: [B, 1, H, W] float32 or float64, the sum of the weights that land on each target;
            0 where nothing lands, 1 everywhere for a field of zeros.

    Raises:
        ValueError: for another shape, an integer dtype, or a displacement that is not finite.

    Source: Motion-I2V (arXiv 2401.15977), section 3.2; Niklaus and Liu, "Softmax Splatting for
    Video Frame Interpolation", CVPR 2020 (arXiv 2003.05534).
    """

    def __init__(self, flow: Tensor) -> None:
        _check_flow(flow)
        flow = flow.detach().to(_compute_dtype(flow))
        self._lay(*_landings(flow), (flow.shape[3], flow.shape[2]))

    @classmethod
    def of_points(cls, x: Tensor, y: Tensor, size: tuple[int, int], first_row: int) -> SplatPlan:
        """The plan of single points [K] that land at x and y of a picture, in a part of it.

        The part has `size` (W, H) and begins with the picture's `first_row`. Features and
        importances are those of a picture one pixel high: [C, 1, K] and [1, K].
        """
        plan = cls.__new__(cls)
        plan._lay(x[None, None], y[None, None], size, first_row)
        return plan

    def _lay(self, x: Tensor, y: Tensor, size: tuple[int, int], first_row: int = 0) -> None:
        """From where the pixels of sources of any shape land, x and y [B, h, w]."""
        self.fields = x.shape[0]
        self.size = size
        self.pixels = size[0] * size[1]
        self._source = (x.shape[2], x.shape[1])
        self.points = x.shape[1] * x.shape[2]
        self._weight, self._target, self._kept = _corners(x, y, size, first_row)
        self._matrices: dict[tuple[bool, bool], _Matrix] = {}
        self._normalised: dict[tuple[bool, torch.dtype], Tensor] = {}

    @cached_property
    def coverage(self) -> Tensor:
        matrix = self._matrix(shared=True, pixels_first=False)
        total = _row_sums(matrix, self._weight)
        width, height = self.size
        return total.view(self.fields, 1, height, width)

    def average(self, x: Tensor) -> Tensor:
        """Splats feature maps, dividing by (sum of weights + 1e-7).

        Args:
            x: [B, C, H, W], one map a field; or [C, H, W], one map that all B fields move.

        Returns:
            [B, C, H, W] in x's dtype.

        Raises:
            ValueError: for another shape, an integer dtype or another device than the plan's.
        """
        return self._maps(x, None)

    def softmax(self, x: Tensor, importance: Tensor) -> Tensor:
        """Splats feature maps, each source pixel weighted by exp(importance) besides.

        The largest importance that reaches a target is subtracted there first, so any range of
        importance is safe. A constant importance gives `average`.

        Args:
            x: [B, C, H, W] or [C, H, W], as for `average`.
            importance: [B, 1, H, W], [1, 1, H, W] or [H, W]; larger covers smaller.

        Returns:
            [B, C, H, W] in x's dtype.

        Raises:
            ValueError: for another shape or device, or an importance that is not finite.
        """
        return self._maps(x, self._importance_weights(importance, x))

    def layers(
        self, x: Tensor, importance: Tensor, tick: Callable[[], None] = lambda: None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Splats what is in front and what it hides apart, for soft compositing of edges.

        Of each weight w that lands on a target, the share exp(importance - the largest there)
        belongs to the front and the rest to the back; each layer is an average of its own.

        Args:
            x: [B, C, H, W] or [C, H, W], as for `average`.
            importance: [B, 1, H, W], [1, 1, H, W] or [H, W]; larger covers smaller.
            tick: called before each layer, for progress and interrupts.

        Returns:
            front [B, C, H, W] (equal to `softmax`), its coverage [B, 1, H, W], and the same two of
            the back; in x's dtype.

        Raises:
            ValueError: as `softmax`.
        """
        in_front = self._importance_weights(importance, x)
        behind = self._weight.to(in_front.dtype) - in_front
        ones = torch.ones_like(x[..., :1, :, :])
        both = torch.cat([x, ones], dim=-3)
        layers = []
        rows, shared = self._rows_of(both)
        matrix = self._matrix(shared, pixels_first=False)
        for weight in (in_front, behind):
            tick()
            total = self._maps_of(
                _product(rows, matrix, weight.index_select(0, matrix.entry)), both
            )
            coverage = total[:, -1:]
            layers += [total[:, :-1] / (coverage + EPSILON), coverage]
        front, front_coverage, back, back_coverage = layers
        return front, front_coverage, back, back_coverage

    def sum(self, x: Tensor) -> Tensor:
        """Splats feature maps without dividing: the numerator of `average`, same arguments."""
        rows, shared = self._rows_of(x)
        matrix = self._matrix(shared, pixels_first=False)
        weight = self._weight.to(rows.dtype)
        return self._maps_of(_product(rows, matrix, weight.index_select(0, matrix.entry)), x)

    def rows_matrix(self) -> tuple[Tensor, Tensor, Tensor]:
        """The sparse matrix of `average`, for rows of features, multiplied in parts by `bags`.

        Returns:
            offset [H*W*B + 1], where each row (pixel, then field) starts; column [K], the source
            pixel of each entry; value [K], its weight divided by its row's sum.
        """
        matrix = self._matrix(shared=True, pixels_first=True)
        return matrix.offset, matrix.column, _normalise(matrix, self._weight)

    def _maps(self, x: Tensor, weight: Tensor | None) -> Tensor:
        rows, shared = self._rows_of(x)
        matrix = self._matrix(shared, pixels_first=False)
        if weight is None:
            values = self._usual(matrix, shared, rows.dtype)
        else:
            values = _normalise(matrix, weight)
        return self._maps_of(_product(rows, matrix, values), x)

    def _usual(self, matrix: _Matrix, shared: bool, dtype: torch.dtype) -> Tensor:
        """The normalised bilinear weights, made once."""
        key = (shared, dtype)
        if key not in self._normalised:
            self._normalised[key] = _normalise(matrix, self._weight.to(dtype))
        return self._normalised[key]

    def _rows_of(self, x: Tensor) -> tuple[Tensor, bool]:
        """[B, C, H, W] or [C, H, W] -> rows of features, and whether all fields share them."""
        self._check_features(x)
        width, height = self._source
        shared = x.ndim == 3
        if x.ndim not in (3, 4) or x.shape[-2:] != (height, width):
            raise ValueError(
                f"features have shape {tuple(x.shape)}, but this plan, of {self._described()}, "
                f"needs [{self.fields}, C, {height}, {width}] or [C, {height}, {width}]"
            )
        if not shared and x.shape[0] != self.fields:
            raise ValueError(
                f"{x.shape[0]} feature maps for {self._described()}: give one map a field, "
                "or a single map [C, H, W] for all of them"
            )
        count = self.points * (1 if shared else self.fields)
        rows = x.to(_compute_dtype(x)).movedim(-3, -1).reshape(count, x.shape[-3])
        return rows.contiguous(), shared

    def _maps_of(self, rows: Tensor, x: Tensor) -> Tensor:
        width, height = self.size
        maps = rows.to(x.dtype).view(self.fields, height, width, x.shape[-3])
        return maps.permute(0, 3, 1, 2).contiguous()

    def _importance_weights(self, importance: Tensor, x: Tensor) -> Tensor:
        """[B*H*W*4] bilinear weight times exp(importance - the largest at that target)."""
        width, height = self._source
        allowed = ((self.fields, 1, height, width), (1, 1, height, width), (height, width))
        if tuple(importance.shape) not in allowed:
            raise ValueError(
                f"importance has shape {tuple(importance.shape)}, but {self._described()} need "
                + ", ".join(str(list(shape)) for shape in dict.fromkeys(allowed[:2]))
                + f" or {list(allowed[2])}"
            )
        self._check_features(importance)
        if not bool(torch.isfinite(importance).all()):
            raise ValueError("importance holds NaN or infinite values; use large finite ones")
        matrix = self._matrix(shared=False, pixels_first=False)
        weight = self._weight.to(_compute_dtype(x))
        z = importance.to(weight.dtype).flatten(-2)
        z = z if z.ndim == 1 else z[:, 0]
        z = z[..., None].expand(self.fields, self.points, 4).reshape(-1)
        reaching = torch.where(weight > 0, z, -torch.inf).index_select(0, matrix.entry)
        largest = z.new_full((self.fields * self.pixels,), -torch.inf)
        largest.scatter_reduce_(0, matrix.row, reaching, "amax")
        largest = largest.index_select(0, self._target)
        return weight * (z - largest).clamp(max=0).exp()

    def _matrix(self, shared: bool, pixels_first: bool) -> _Matrix:
        # Of a single field all layouts are the same.
        key = (shared or self.fields == 1, pixels_first and self.fields > 1)
        if key not in self._matrices:
            self._matrices[key] = self._build_matrix(*key)
        return self._matrices[key]

    def _build_matrix(self, shared: bool, pixels_first: bool) -> _Matrix:
        entry = self._kept
        row = self._target.index_select(0, entry)
        if pixels_first:
            row = row % self.pixels * self.fields + row // self.pixels
        order, offset = _sorted_by(row.long(), self.fields * self.pixels)
        entry = entry.index_select(0, order)
        source = entry // 4
        column = source % self.points if shared else source
        # 32-bit indices halve what a product reads besides the features.
        small = torch.int32 if 4 * self.fields * self.points < 2**31 else torch.int64
        return _Matrix(entry.to(small), column.to(small), offset.to(small))

    def _check_features(self, x: Tensor) -> None:
        if not x.is_floating_point():
            raise ValueError(f"features have dtype {x.dtype}; convert them to a floating dtype")
        if x.device != self._weight.device:
            raise ValueError(
                f"features are on {x.device}, the plan's flow on {self._weight.device}; "
                "move one of them"
            )

    def _described(self) -> str:
        width, height = self._source
        return f"{self.fields} fields of {width}x{height}"


def splat_average(x: Tensor, flow: Tensor) -> Tensor:
    """Forward average splatting, planned from scratch; see `SplatPlan.average`.

    Args:
        x: [B, C, H, W] or [C, H, W].
        flow: [B, 2, H, W] pixels.

    Returns:
        [B, C, H, W] in x's dtype.

    Raises:
        ValueError: as `SplatPlan` and `SplatPlan.average`.

    >>> x, flow = torch.tensor([[[1.0, 5.0, 0.0]]]), torch.zeros(1, 2, 1, 3)
    >>> flow[0, 0, 0, 0] = 1
    >>> splat_average(x, flow).round(decimals=4).tolist()
    [[[[0.0, 3.0, 0.0]]]]
    """
    return SplatPlan(flow).average(x)


def bags(x: Tensor, column: Tensor, offset: Tensor, values: Tensor | None = None) -> Tensor:
    """A sparse matrix [rows, N] times rows of features.

    A bag of embeddings is a row of a sparse matrix: summed in order, in one pass, everywhere.

    Args:
        x: [N, C].
        column: [K] the row of x that each entry reads.
        offset: [rows + 1] where each row's entries start.
        values: [K] of the entries; None for ones.

    Returns:
        [rows, C]

    >>> x, column = torch.tensor([[1.0], [10.0]]), torch.tensor([0, 1, 1])
    >>> bags(x, column, offset=torch.tensor([0, 2, 3])).tolist()
    [[11.0], [10.0]]
    """
    if x.numel() == 0 or offset.numel() == 1 or column.numel() == 0:
        return x.new_zeros(offset.numel() - 1, x.shape[1])
    return F.embedding_bag(
        column, x, offset, mode="sum", per_sample_weights=values, include_last_offset=True
    )


def _product(x: Tensor, matrix: _Matrix, values: Tensor) -> Tensor:
    return bags(x, matrix.column, matrix.offset, values)


def _row_sums(matrix: _Matrix, weight: Tensor) -> Tensor:
    """[rows] the sum of each row's weights."""
    return bags(weight[:, None], matrix.entry, matrix.offset)[:, 0]


def _normalise(matrix: _Matrix, weight: Tensor) -> Tensor:
    """The entries' weights divided by their row's sum."""
    divisor = _row_sums(matrix, weight) + EPSILON
    return weight.index_select(0, matrix.entry) / divisor.index_select(0, matrix.row)


def _sorted_by(key: Tensor, keys: int) -> tuple[Tensor, Tensor]:
    """The stable order that sorts `key`, and [keys + 1] where each key starts in it."""
    order = key.sort(stable=True).indices
    offset = torch.zeros(keys + 1, dtype=torch.int64, device=key.device)
    offset[1:] = torch.bincount(key, minlength=keys).cumsum(0)
    return order, offset


def _check_flow(flow: Tensor) -> None:
    if flow.ndim != 4 or flow.shape[1] != 2 or 0 in flow.shape[2:]:
        raise ValueError(f"flow has shape {tuple(flow.shape)}; splatting needs [B, 2, H, W]")
    if not flow.is_floating_point():
        raise ValueError(f"flow has dtype {flow.dtype}; convert it to a floating dtype")
    bad = int((~torch.isfinite(flow)).sum())
    if bad:
        raise ValueError(
            f"flow holds {bad} values that are NaN or infinite; replace them by finite "
            "displacements (0 keeps a pixel in place, one beyond the picture drops it)"
        )


def _landings(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Where the pixels of fields [B, 2, H, W] land, x and y [B, H, W] in pixels.

    Beyond two pixels outside, where nothing is, the places are bounded.
    """
    height, width = flow.shape[-2:]
    column = torch.arange(width, device=flow.device, dtype=flow.dtype)
    row = torch.arange(height, device=flow.device, dtype=flow.dtype)
    x = (flow[:, 0] + column).clamp(-2, width + 1)
    y = (flow[:, 1] + row[:, None]).clamp(-2, height + 1)
    return x, y


def _corners(
    x: Tensor, y: Tensor, size: tuple[int, int], first_row: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The four bilinear targets, in the `size` (W, H) of pictures from a row on, of points at x and
    y [B, h, w].

    Returns:
        weight: [B*h*w*4], 0 for targets outside the picture.
        target: [B*h*w*4] int64, field * H*W + pixel (0 for those outside).
        kept: [K] the entries that matter, in order.
    """
    width, height = size
    left, top = x.floor(), y.floor()
    right_share, bottom_share = x - left, y - top
    left_share, top_share = 1 - right_share, 1 - bottom_share
    weight = torch.stack(
        [
            left_share * top_share,
            right_share * top_share,
            left_share * bottom_share,
            right_share * bottom_share,
        ],
        dim=-1,
    )
    step_x = torch.tensor([0, 1, 0, 1], device=x.device)
    step_y = torch.tensor([0, 0, 1, 1], device=x.device)
    tx = left.long()[..., None] + step_x
    ty = top.long()[..., None] - first_row + step_y
    inside = (tx >= 0) & (tx < width) & (ty >= 0) & (ty < height)
    first = torch.arange(x.shape[0], device=x.device).view(-1, 1, 1, 1) * (height * width)
    target = torch.where(inside, first + ty * width + tx, 0)
    weight = torch.where(inside, weight, 0)
    return weight.reshape(-1), target.reshape(-1), (weight > 0).reshape(-1).nonzero()[:, 0]


def _compute_dtype(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32
