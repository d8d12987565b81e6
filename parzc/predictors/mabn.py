"""Mixer Architecture with Bayesian Network: the predictor of ParZC."""

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from parzc.bayesian import BayesianLinear, MemberLinear, divergence, sample_scores
from parzc.encoding import Encoding

__all__ = ["MABN"]

_FEW = 48
"""Tables below which the other layout takes fewer steps, and so less time."""

_BATCH = 256
"""Tables scored at once without gradients; what a member computes of them then stays in the cache."""


class MABN(nn.Module):
    """Segments of nodes, mixed across segments and then across channels, between Bayesian layers.

    Neighbouring positions form a segment. A Bayesian layer embeds each segment, blocks of two residual
    networks mix first the segments and then the channels, and a second Bayesian layer reads the score from
    the mean over segments, beside the mean over positions of the plain features. Several independent members
    are trained at once; their mean is the score.

    Args:
        length: Positions of the encoding.
        channels: Features at a position.
        segments: Segments; at most one a position.
        width: Channels of a segment's embedding.
        blocks: Mixer blocks.
        mix_segments: Hidden width of the network across segments, in segments.
        mix_channels: Hidden width of the network across channels, in channels.
        members: Independent members.
        shared: One input layer for all segments and a learned embedding of their position, else an
            input layer for each segment.
        wide: Show the last layer the mean of the plain features over positions too.
        dropout: Probability of leaving out a hidden unit of a block.
        prior_scale: Scale of the Gaussian prior, see `parzc.bayesian.BayesianLinear`.
        bayesian: Give the first and the last layer a distribution; else their weights are points.

    Source:
        Dong et al., AAAI 2025, and Tolstikhin et al., NeurIPS 2021 (MLP-Mixer). Deviations from the
        public ParZC code: segments are groups of neighbouring nodes and really are mixed; masked
        segments take no part; prior and divergence; the posterior mean at inference; members; plain features
        beside the mixer; 10^4 to 10^6 parameters and not 10^8.
    """

    def __init__(
        self,
        *,
        length: int,
        channels: int,
        segments: int = 16,
        width: int = 32,
        blocks: int = 1,
        mix_segments: float = 0.5,
        mix_channels: float = 2.0,
        members: int = 8,
        shared: bool = False,
        wide: bool = True,
        dropout: float = 0.1,
        prior_scale: float = 1.0,
        bayesian: bool = True,
    ) -> None:
        super().__init__()
        if min(segments, width, members) < 1 or blocks < 0:
            raise ValueError(
                "segments, width and members should be at least 1 and blocks at least 0,"
                f" got {segments}, {width}, {members} and {blocks}."
            )
        self._configuration = {
            key: value for key, value in locals().items() if key not in {"self", "__class__"}
        }
        self.members, self.shared, self.wide = members, shared, wide
        self.chunk = -(-length // min(segments, length))
        self.segments = -(-length // self.chunk)
        inputs = self.chunk * (channels + 1)
        copies = 1 if shared else self.segments
        outer = partial(BayesianLinear, prior_scale=prior_scale) if bayesian else MemberLinear
        self.embed = outer(members * copies, inputs, width)
        self.position = nn.Parameter(0.02 * torch.randn(members, 1, self.segments, width))
        self.blocks: Any = nn.ModuleList(
            _MixerBlock(members, self.segments, width, mix_segments, mix_channels, dropout)
            for _ in range(blocks)
        )
        self.width = width
        self.norm = _MemberNorm(members, width)
        self.read = outer(members, width + (channels + 1) * wide, 1)

    def configuration(self) -> dict[str, Any]:
        """Say how to build this predictor again.

        Returns:
            Arguments of the constructor, plain values.
        """
        return dict(self._configuration)

    def forward(self, encoding: Encoding) -> Float[Tensor, "members batch"]:
        """Score tables.

        Args:
            encoding: Encoded tables.

        Returns:
            A score for each member and table; higher is better. In training a sample, else that of
            the posterior mean.
        """
        if len(encoding) >= _FEW and not (self.training or torch.is_grad_enabled()):
            return self._infer(encoding)
        x, chunks, live = self._segment(encoding)
        hidden = (self._embed(chunks) + self.position) * live[..., None]
        for block in self.blocks:
            hidden = block(hidden, live)
        weight = live / live.sum(1, keepdim=True).clamp(min=1)
        pooled = (self.norm(hidden) * weight[..., None]).sum(2)
        if self.wide:
            plain = (x.sum(1) / x.shape[1]).expand(self.members, -1, -1)
            pooled = torch.cat([pooled, plain], dim=2)
        scores: Float[Tensor, "members batch"] = self.read(pooled).squeeze(2)
        return scores

    def sample(self, encoding: Encoding, draws: int) -> Float[Tensor, "samples batch"]:
        """Score tables with draws from the posterior.

        Args:
            encoding: Encoded tables.
            draws: Draws of the weights for each member.

        Returns:
            `draws` times `members` scores a table, whose spread is the predictor's uncertainty.
        """
        return sample_scores(self, encoding, draws)

    def kl(self) -> Float[Tensor, ""]:
        """Measure how far the posterior is from the prior.

        Returns:
            Nats, averaged over members.
        """
        return divergence(self) / self.members

    def _segment(
        self, encoding: Encoding
    ) -> tuple[
        Float[Tensor, "batch length features"],
        Float[Tensor, "batch segments inputs"],
        Bool[Tensor, "batch segments"],
    ]:
        x = encoding.with_mask()
        padding = self.segments * self.chunk - x.shape[1]
        chunks = F.pad(x, (0, 0, 0, padding)).view(len(x), self.segments, -1)
        live = F.pad(encoding.mask, (0, padding)).view(len(x), self.segments, self.chunk).any(2)
        return x, chunks, live

    def _infer(self, encoding: Encoding) -> Float[Tensor, "members batch"]:
        """Score like `forward`, in the layout that is fastest without gradients.

        Tables lie last, so that all steps run along them. All members embed a segment in one product;
        then each goes its way alone. Training keeps the other layout, and with it the random draws of
        earlier results.
        """
        members, segments, width = self.members, self.segments, self.width
        weight = self.embed.weight.view(members, -1, self.embed.weight.shape[1], width)
        weight = weight.expand(-1, segments, -1, -1).permute(1, 0, 3, 2).flatten(1, 2)
        bias = self.embed.bias.view(members, -1, width) + self.position.squeeze(1)
        bias = bias.transpose(0, 1).reshape(segments, -1, 1)
        parts = [encoding[start : start + _BATCH] for start in range(0, len(encoding), _BATCH)]
        return torch.cat([self._infer_batch(part, weight, bias) for part in parts], dim=1)

    def _infer_batch(
        self,
        encoding: Encoding,
        weight: Float[Tensor, "segments outputs inputs"],
        bias: Float[Tensor, "segments outputs 1"],
    ) -> Float[Tensor, "members batch"]:
        x, chunks, there = self._segment(encoding)
        live = there.T.to(x.dtype, memory_format=torch.contiguous_format)
        share = live / live.sum(0).clamp(min=1)
        plain = (x.sum(1) / x.shape[1]).T
        embedded = torch.baddbmm(bias, weight, chunks.permute(1, 2, 0))
        scores = []
        for member, own in enumerate(torch.split(embedded, self.width, dim=1)):
            hidden = own.transpose(0, 1)
            for block in self.blocks:
                hidden = block.infer(hidden, live, member)
            pooled = self.norm.infer(hidden, member).mul_(share).sum(1)
            seen = torch.cat([pooled, plain]) if self.wide else pooled
            scores.append(_apply(self.read, seen, member))
        return torch.cat(scores)

    def _embed(
        self, chunks: Float[Tensor, "batch segments inputs"]
    ) -> Float[Tensor, "members batch segments width"]:
        shape = (self.members, self.segments, len(chunks), -1)
        if self.shared:
            rows = chunks.transpose(0, 1).flatten(0, 1).expand(self.members, -1, -1)
        else:
            rows = chunks.transpose(0, 1).repeat(self.members, 1, 1)
        embedded: Float[Tensor, "members segments batch width"] = self.embed(rows).view(shape)
        return embedded.transpose(1, 2)


class _MemberNorm(nn.Module):
    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(members, 1, 1, width))
        self.shift = nn.Parameter(torch.zeros(members, 1, 1, width))

    def forward(
        self, x: Float[Tensor, "members batch segments width"]
    ) -> Float[Tensor, "members batch segments width"]:
        return F.layer_norm(x, x.shape[-1:]) * self.gain + self.shift

    def infer(
        self, x: Float[Tensor, "width segments batch"], member: int
    ) -> Float[Tensor, "width segments batch"]:
        centred = x - x.mean(0)
        centred.mul_(centred.square().mean(0).add_(1e-5).rsqrt_())
        return centred.mul_(self.gain[member].view(-1, 1, 1)).add_(self.shift[member].view(-1, 1, 1))


class _MemberMLP(nn.Module):
    def __init__(self, members: int, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.up = MemberLinear(members, width, hidden)
        self.down = MemberLinear(members, hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "members batch rows width"]
    ) -> Float[Tensor, "members batch rows width"]:
        rows = x.flatten(1, 2)
        out: Tensor = self.down(self.dropout(F.gelu(self.up(rows))))
        return out.view(x.shape)

    def infer(self, x: Float[Tensor, "*rows width columns"], member: int) -> Tensor:
        return _apply(self.down, F.gelu(_apply(self.up, x, member)), member)


class _MixerBlock(nn.Module):
    def __init__(
        self,
        members: int,
        segments: int,
        width: int,
        mix_segments: float,
        mix_channels: float,
        dropout: float,
    ) -> None:
        super().__init__()
        self.segment_norm = _MemberNorm(members, width)
        self.segment_mlp = _MemberMLP(members, segments, max(1, round(mix_segments * segments)), dropout)
        self.channel_norm = _MemberNorm(members, width)
        self.channel_mlp = _MemberMLP(members, width, max(1, round(mix_channels * width)), dropout)

    def forward(
        self, x: Float[Tensor, "members batch segments width"], live: Bool[Tensor, "batch segments"]
    ) -> Float[Tensor, "members batch segments width"]:
        mask = live[..., None]
        across = (self.segment_norm(x) * mask).transpose(2, 3)
        x = x + self.segment_mlp(across).transpose(2, 3) * mask
        mixed: Tensor = x + self.channel_mlp(self.channel_norm(x)) * mask
        return mixed

    def infer(
        self, x: Float[Tensor, "width segments batch"], live: Float[Tensor, "segments batch"], member: int
    ) -> Float[Tensor, "width segments batch"]:
        across = self.segment_norm.infer(x, member).mul_(live)
        x = self.segment_mlp.infer(across, member).add_(x)
        columns = self.channel_norm.infer(x, member).flatten(1)
        mixed: Tensor = self.channel_mlp.infer(columns, member).view(x.shape).add_(x)
        return mixed


def _apply(
    layer: BayesianLinear | MemberLinear, x: Float[Tensor, "*rows inputs columns"], member: int
) -> Float[Tensor, "*rows outputs columns"]:
    """Apply a member's layer to columns."""
    weight, bias = layer.weight[member].T, layer.bias[member].T
    if x.ndim == 2:
        return torch.addmm(bias, weight, x)
    return torch.baddbmm(bias, weight.expand(len(x), -1, -1), x)
