"""The losses that the networks are trained by."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class ArcFace(nn.Module):
    """Additive angular margin (Deng et al. 2019, section 3.1): logits scale * cos(angle + margin for the true class).

    Args:
        classes: number of classes.
        size: length of the embeddings.
        margin: radians.
        scale: of the cosines.

    """

    def __init__(self, classes: int, size: int, margin: float = 0.2, scale: float = 25.0) -> None:
        super().__init__()
        # Short vectors turn further at each of AdamW's steps of fixed length.
        self.centres = nn.Parameter(torch.randn(classes, size) / size**0.5)
        self.margin, self.scale = margin, scale

    def forward(self, embedding: Tensor, label: Tensor) -> Tensor:
        """[B, size] unit vectors and [B] int64 labels to [B, classes] logits."""
        cosine = functional.linear(embedding, functional.normalize(self.centres, dim=1)).clamp(-1 + 1e-6, 1 - 1e-6)
        true = cosine.gather(1, label[:, None])
        sine = torch.sqrt(1 - true * true)
        moved = true * math.cos(self.margin) - sine * math.sin(self.margin)
        # Past angle pi - margin the cosine would rise again; a linear continuation keeps the penalty falling.
        moved = torch.where(true > -math.cos(self.margin), moved, true - self.margin * math.sin(self.margin))
        return self.scale * cosine.scatter(1, label[:, None], moved)


def pair_loss(embedding: Tensor, label: Tensor, temperature: float = 0.1) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020, equation 2): views of a coin attract each other in the batch.

    embedding [B, size] unit vectors, label [B]; views without a partner in the batch do not count.
    """
    own = torch.eye(len(label), dtype=torch.bool, device=label.device)
    partner = (label[:, None] == label[None]) & ~own
    logits = (embedding @ embedding.T / temperature).masked_fill(own, -1e4)
    log_share = logits - logits.logsumexp(1, keepdim=True)
    count = partner.sum(1)
    return -((log_share * partner).sum(1) / count.clamp(min=1))[count > 0].mean()


def dice_loss(logits: Tensor, mask: Tensor, smooth: float = 1.0) -> Tensor:
    """One minus the soft Dice coefficient (Milletari et al. 2016, section 3) of the whole batch, mean over the masks.

    logits and mask [B, C, H, W]. Over the batch, not per picture: a picture without a coin then counts by its false
    positives alone.
    """
    probability = torch.sigmoid(logits)
    overlap, total = (x.sum((0, 2, 3)) for x in (probability * mask, probability + mask))
    return (1 - (2 * overlap + smooth) / (total + smooth)).mean()


def false_find_loss(logits: Tensor, mask: Tensor, spot: float = 0.003) -> Tensor:
    """How much coin is seen on pictures that show none, from 0 to 1, mean over all pictures of the batch.

    Half of it is reached where `spot` of the pixels are called coin: a few false pixels weigh almost as much as many,
    as either is a coin found where there is none. logits and mask [B, C, H, W].
    """
    share = torch.sigmoid(logits).mean((1, 2, 3))
    empty = (mask.sum((1, 2, 3)) == 0).to(share.dtype)
    return (empty * share / (share + spot)).mean()


def pixel_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Binary cross entropy, mean over pictures and pixels; logits and mask [B, C, H, W].

    Beside the Dice loss: on pictures without a coin that one has hardly a slope.
    """
    return functional.binary_cross_entropy_with_logits(logits, mask)
