"""Parts of vision transformers, every weight matrix in a linear layer of its own."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["MLP", "Attention", "Block", "ClassToken", "Positions"]


class Positions(nn.Module):
    """A learned vector for each token; a module, so that it is initialised by its name.

    Args:
        tokens: How many.
        width: Of a token.
    """

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(tokens, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the vectors."""
        nn.init.trunc_normal_(self.vectors, std=0.02)

    def forward(self, tokens: Float[Tensor, "b n width"]) -> Float[Tensor, "b n width"]:
        """Add the vectors."""
        return tokens + self.vectors


class ClassToken(nn.Module):
    """One learned token in front of those of an image.

    Args:
        width: Of a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.empty(width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the token."""
        nn.init.trunc_normal_(self.vector, std=0.02)

    def forward(self, tokens: Float[Tensor, "b n width"]) -> Float[Tensor, "b m width"]:
        """Put the token first."""
        return torch.cat((self.vector.expand(len(tokens), 1, -1), tokens), dim=1)


class Attention(nn.Module):
    """Self-attention with a linear layer each for queries, keys, values and their mixture.

    Args:
        width: Of a token.
        heads: How many.
        head_width: Of a head; by default heads share the width out.
        linear: Class of the layers.
    """

    def __init__(
        self, width: int, heads: int, *, head_width: int | None = None, linear: type[nn.Linear] = nn.Linear
    ) -> None:
        super().__init__()
        inner = width if head_width is None else heads * head_width
        self.heads = heads
        self.q = linear(width, inner)
        self.k = linear(width, inner)
        self.v = linear(width, inner)
        self.proj = linear(inner, width)

    def forward(self, x: Float[Tensor, "b n width"]) -> Float[Tensor, "b n width"]:
        """Attend."""
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v)
        )
        out: Tensor = self.proj(self.mix(q, k, v).transpose(1, 2).flatten(-2))
        return out

    def mix(
        self,
        q: Float[Tensor, "b heads n d"],
        k: Float[Tensor, "b heads n d"],
        v: Float[Tensor, "b heads n d"],
    ) -> Float[Tensor, "b heads n d"]:
        """Mix the values by the scaled products of queries and keys."""
        return F.scaled_dot_product_attention(q, k, v)


class MLP(nn.Module):
    """Two layers with GELU between them.

    Args:
        width: Of a token.
        hidden: Of the layer inside.
        linear: Class of the layers.
    """

    def __init__(self, width: int, hidden: int, *, linear: type[nn.Linear] = nn.Linear) -> None:
        super().__init__()
        self.fc1 = linear(width, hidden)
        self.act = nn.GELU()
        self.fc2 = linear(hidden, width)

    def forward(self, x: Float[Tensor, "b n width"]) -> Float[Tensor, "b n width"]:
        """Apply both layers to every token."""
        out: Tensor = self.fc2(self.act(self.fc1(x)))
        return out


class Block(nn.Module):
    """Attention, then a perceptron, each after a norm and beside an identity.

    Args:
        width: Of a token.
        attn: Mixes tokens.
        mlp: Works on each token.
        eps: Of the norms.
    """

    def __init__(self, width: int, attn: nn.Module, mlp: nn.Module, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attn = attn
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.mlp = mlp

    def forward(self, x: Float[Tensor, "b n width"]) -> Float[Tensor, "b n width"]:
        """Add what attention says, then what the perceptron says."""
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out
