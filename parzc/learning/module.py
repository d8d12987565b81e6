"""The training step: predictor, loss and optimiser, all given."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from jaxtyping import Float
from scipy.stats import kendalltau
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics.functional.regression import spearman_corrcoef

from parzc.encoding import Encoding

__all__ = ["RankingModule"]


class RankingModule(pl.LightningModule):
    """Minimises loss + `anchor` · squared error + `kl_weight` · divergence / number of targets.

    A predictor with an `objective` of its own, such as a likelihood, has that in the place of the first
    two.

    The losses of order only see score differences, and fall as long as scores spread. The anchor, a
    squared distance from the standardised ranks of the targets, holds the scores of all members on one
    scale.

    Args:
        encoding: The fitted encoding, kept for the checkpoint.
        predictor: From encodings to scores by member.
        loss: From scores and targets to a number; lower is better.
        optimizer: Builds the optimiser from groups of parameters.
        observations: Number of training targets, which the divergence from the prior is divided by.
        anchor: Weight of the squared error.
        kl_weight: Weight of the divergence.
        steps: Optimiser steps over which the learning rate falls to zero along half a cosine.
    """

    def __init__(
        self,
        *,
        encoding: nn.Module,
        predictor: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        observations: int,
        anchor: float = 1.0,
        kl_weight: float = 1.0,
        steps: int = 1,
    ) -> None:
        super().__init__()
        self.encoding = encoding
        self.predictor: Any = predictor
        self.loss, self.make_optimizer = loss, optimizer
        self.observations, self.anchor, self.kl_weight, self.steps = observations, anchor, kl_weight, steps

    def forward(self, encoding: Encoding) -> Float[Tensor, " batch"]:
        """Score encoded tables by the mean over members."""
        scores: Float[Tensor, "members batch"] = self.predictor(encoding)
        return scores.mean(0)

    def transfer_batch_to_device(
        self, batch: tuple[Encoding, Tensor], device: torch.device, dataloader_idx: int
    ) -> tuple[Encoding, Tensor]:
        """Move a batch; Lightning by itself would write into the encoding, which is frozen."""
        encoding, targets = batch
        return Encoding(encoding.values.to(device), encoding.mask.to(device)), targets.to(device)

    def training_step(self, batch: tuple[Encoding, Tensor], batch_idx: int) -> Float[Tensor, ""]:
        """Compute what is minimised on a batch."""
        encoding, targets = batch
        loss = self._objective(encoding, targets)
        complexity: Float[Tensor, ""] = self.predictor.kl() / self.observations
        self._log(len(targets), train_loss=loss.detach(), train_kl=complexity.detach())
        return loss + self.kl_weight * complexity

    def validation_step(self, batch: tuple[Encoding, Tensor], batch_idx: int) -> None:
        """Log loss, Kendall tau (tau-b) and Spearman rho of the mean score."""
        encoding, targets = batch
        scores = self(encoding)
        tau = float(kendalltau(scores.cpu().numpy(), targets.cpu().numpy()).statistic)
        loss = self._objective(encoding, targets)
        rho = spearman_corrcoef(scores, targets)
        self._log(len(targets), validation_loss=loss, validation_tau=torch.tensor(tau), validation_rho=rho)

    def configure_optimizers(self) -> Any:
        """Exempt from weight decay what has a prior of its own, or only shifts and scales."""
        named = list(self.predictor.named_parameters())
        decayed = [parameter for name, parameter in named if name.endswith("weight")]
        exempt = [parameter for name, parameter in named if not name.endswith("weight")]
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": exempt, "weight_decay": 0.0}]
        optimizer = self.make_optimizer([group for group in groups if group["params"]])
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _objective(self, encoding: Encoding, targets: Tensor) -> Float[Tensor, ""]:
        if hasattr(self.predictor, "objective"):
            own: Float[Tensor, ""] = self.predictor.objective(encoding, targets)
            return own
        scores = self.predictor(encoding)
        if not self.training:
            scores = scores.mean(0)
        loss: Float[Tensor, ""] = self.loss(scores, targets)
        if self.anchor:
            loss = loss + self.anchor * (scores - targets).square().mean()
        return loss

    def _log(self, count: int, **values: Tensor) -> None:
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=count)
