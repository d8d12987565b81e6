"""Parts of vision transformers, every weight matrix in a linear layer of its own."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["MLP", "Attention", "Block", "ClassToken", "NormalLinear", "Positions", "RelativeAttention"]


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


class RelativeAttention(Attention):
    """Attention that also looks at how far apart two patches are.

    To each key and each value is added the vector of its vertical distance from the query's patch and
    that of its horizontal one.

    Args:
        width: Of a token.
        heads: How many.
        grid: Rows and columns of patches; a class token precedes them.
        reach: Patches; farther ones count as so far apart.
        head_width: Of a head.
        linear: Class of the layers.

    Source:
        Chen et al., ICCV 2021 (AutoFormer), after Shaw et al., NAACL 2018.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        grid: tuple[int, int],
        reach: int,
        head_width: int,
        linear: type[nn.Linear] = nn.Linear,
    ) -> None:
        super().__init__(width, heads, head_width=head_width, linear=linear)
        self.scale = head_width**-0.5
        self.of_keys = _Distances(grid, reach, head_width)
        self.of_values = _Distances(grid, reach, head_width)

    def mix(
        self,
        q: Float[Tensor, "b heads n d"],
        k: Float[Tensor, "b heads n d"],
        v: Float[Tensor, "b heads n d"],
    ) -> Float[Tensor, "b heads n d"]:
        """Mix the values by the scaled products of queries and keys, distances added to both."""
        products = q @ k.transpose(-2, -1) + self.of_keys.products(q)
        weights = (products * self.scale).softmax(-1)
        mixed: Tensor = weights @ v + self.of_values.mixture(weights)
        return mixed


class _Distances(nn.Module):
    """A vector for each pair of tokens: the sum of one for rows and one for columns between them.

    As sums, they are worked with row by row and column by column: all pairs at once take longer than
    the rest of attention.
    """

    rows: Tensor
    columns: Tensor
    with_class: Tensor

    def __init__(self, grid: tuple[int, int], reach: int, width: int) -> None:
        super().__init__()
        self.grid = grid
        tokens = torch.arange(grid[0] * grid[1] + 1)
        with_class = (tokens == 0) | (tokens == 0)[:, None]
        self.register_buffer("rows", _apart(grid[0], reach), persistent=False)
        self.register_buffer("columns", _apart(grid[1], reach), persistent=False)
        self.register_buffer("with_class", with_class, persistent=False)
        self.vertical = nn.Parameter(torch.empty(2 * reach + 2, width))
        self.horizontal = nn.Parameter(torch.empty(2 * reach + 2, width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.trunc_normal_(self.vertical, std=0.02)
        nn.init.trunc_normal_(self.horizontal, std=0.02)

    def products(self, x: Float[Tensor, "b heads n d"]) -> Float[Tensor, "b heads n n"]:
        """Multiply the vector of each token with those of its pairs."""
        patches = x[:, :, 1:].reshape(*x.shape[:2], *self.grid, -1)
        down = torch.einsum("bhyxd,yzd->bhyxz", patches, self.vertical[self.rows])
        across = torch.einsum("bhyxd,xzd->bhyxz", patches, self.horizontal[self.columns])
        pairs = (down.unsqueeze(-1) + across.unsqueeze(-2)).flatten(4).flatten(2, 3)
        return F.pad(pairs, (1, 0, 1, 0)) + (x @ self._of_class()).unsqueeze(-1) * self.with_class

    def mixture(self, weights: Float[Tensor, "b heads n n"]) -> Float[Tensor, "b heads n d"]:
        """Add the vectors of the pairs of each token up, weighted."""
        pairs = weights[:, :, 1:, 1:].reshape(*weights.shape[:2], *self.grid, *self.grid)
        down = torch.einsum("bhyxz,yzd->bhyxd", pairs.sum(-1), self.vertical[self.rows])
        across = torch.einsum("bhyxz,xzd->bhyxd", pairs.sum(-2), self.horizontal[self.columns])
        of_class = (weights * self.with_class).sum(-1, keepdim=True) * self._of_class()
        return F.pad((down + across).flatten(2, 3), (0, 0, 1, 0)) + of_class

    def _of_class(self) -> Float[Tensor, " d"]:
        return self.vertical[0] + self.horizontal[0]


def _apart(places: int, reach: int) -> Int[Tensor, "n n"]:
    place = torch.arange(places)
    return (place - place[:, None]).clamp(-reach, reach) + reach + 1  # 0 is for pairs with the class token


class NormalLinear(nn.Linear):
    """A linear layer with small normal weights and no bias at first, as vision transformers have it."""

    def reset_parameters(self) -> None:
        """Draw the weights."""
        nn.init.trunc_normal_(self.weight, std=0.02)
        nn.init.zeros_(self.bias)


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
