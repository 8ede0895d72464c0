"""Training in several processes: batch statistics of the whole batch, not of one process's share.

Axes: C channels; a batch is of shape (N, C, T, H, W).
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

BATCH_AXES = (0, 2, 3, 4)


class SyncedBatchNorm3d(nn.BatchNorm3d):
    """Batch normalization whose statistics are those of all processes' batches together.

    `torch.nn.SyncBatchNorm` does this on GPUs only; this one does wherever `all_reduce` does. Every
    process's share must be of the same size.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized batch; in training float32, whatever the precision around it."""
        if not self.training:
            return super().forward(x)
        with torch.autocast(x.device.type, enabled=False):
            return self._normalize(x.float())

    def _normalize(self, x: Tensor) -> Tensor:
        num_values = x.numel() // x.shape[1] * dist.get_world_size()
        mean_C = _sum_over_processes(x.sum(BATCH_AXES)) / num_values
        centered = x - _spread(mean_C)
        variance_C = _sum_over_processes((centered * centered).sum(BATCH_AXES)) / num_values
        self._follow(mean_C.detach(), variance_C.detach() * num_values / (num_values - 1))
        scale_C = self.weight * torch.rsqrt(variance_C + self.eps)
        return centered * _spread(scale_C) + _spread(self.bias)

    def _follow(self, mean_C: Tensor, variance_C: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean_C, self.momentum)
        self.running_var.lerp_(variance_C, self.momentum)


def synchronize_norms(network: nn.Module) -> None:
    """Replace every 3D batch normalization of a network by a synced one with the same tensors."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm3d):
                setattr(parent, name, _synced(child))


def _synced(norm: nn.BatchNorm3d) -> SyncedBatchNorm3d:
    synced = SyncedBatchNorm3d(norm.num_features, eps=norm.eps, momentum=norm.momentum)
    for name, parameter in norm.named_parameters():
        setattr(synced, name, parameter)
    for name, buffer in norm.named_buffers():
        setattr(synced, name, buffer)
    return synced.train(norm.training)


class _SumOverProcesses(torch.autograd.Function):
    """Sums a tensor over all processes; what reaches the sum in any of them flows back to all."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def _sum_over_processes(x: Tensor) -> Tensor:
    return _SumOverProcesses.apply(x)  # type: ignore[no-any-return,no-untyped-call]


def _spread(values_C: Tensor) -> Tensor:
    return values_C.reshape(1, -1, 1, 1, 1)
