"""Networks that nobody here designed, and three odd ones.

The first kind comes from the configurations of the `transformers` package, made small, with random
weights; nothing is downloaded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tests.oddities import CLASSES, Odd, Sound, Tied

SAMPLES = 4


@dataclass(frozen=True)
class Exhibit:
    """One network of the zoo.

    Attributes:
        family: Prefix of the names in `transformers`: `ViT` has `ViTConfig`.
        options: Of its configuration.
        shape: Of one input.
        vocabulary: How many tokens there are, where inputs are token numbers.
        uncovered: Parameters with two or more dimensions that no node has, with the reason.
        blocks: How many feature taps there are.
        task: What the network is for.
    """

    family: str
    options: Mapping[str, Any]
    shape: tuple[int, ...] = (3, 32, 32)
    vocabulary: int = 0
    uncovered: Mapping[str, str] = field(default_factory=dict)
    blocks: int = 0
    task: str = "ImageClassification"


_VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 8,
}
_SWIN = {
    "embed_dim": 8,
    "depths": [2, 2],
    "num_heads": [2, 2],
    "window_size": 2,
    "image_size": 32,
    "patch_size": 4,
}
_WORDS = {"vocab_size": 50, "pad_token_id": 0, "bos_token_id": None, "eos_token_id": None}
_TEXT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_CLASS = "a vector in place of a token: no operation"
_POSITION = "a vector for each position, added: no operation"
_BIAS = "a table of attention biases by relative position, added: no operation"
_WORD = "an embedding: looks vectors up"

ZOO = {
    "vit": Exhibit("ViT", _VIT, uncovered={"cls_token": _CLASS, "position_embeddings": _POSITION}, blocks=4),
    "deit": Exhibit(
        "DeiT",
        _VIT,
        uncovered={"cls_token": _CLASS, "distillation_token": _CLASS, "position_embeddings": _POSITION},
        blocks=4,
    ),
    "beit": Exhibit(
        "Beit",
        {**_VIT, "use_relative_position_bias": True},
        uncovered={"cls_token": _CLASS, "relative_position_bias_table": _BIAS},
        blocks=4,
    ),
    "swin": Exhibit("Swin", _SWIN, uncovered={"relative_position_bias_table": _BIAS}, blocks=8),
    "swin_v2": Exhibit(
        "Swinv2", _SWIN, uncovered={"logit_scale": "a factor for each head: no operation"}, blocks=4
    ),
    "convnext": Exhibit(
        "ConvNext", {"hidden_sizes": [8, 12, 16], "num_stages": 3, "depths": [1, 2, 1]}, blocks=5
    ),
    "resnet": Exhibit(
        "ResNet",
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2], "layer_type": "basic"},
        blocks=4,
    ),
    "regnet": Exhibit(
        "RegNet",
        {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2], "groups_width": 4},
        blocks=4,
    ),
    "mobilenet_v2": Exhibit("MobileNetV2", {"depth_multiplier": 0.1}, shape=(3, 64, 64), blocks=17),
    "efficientnet": Exhibit(
        "EfficientNet",
        {"width_coefficient": 0.1, "depth_coefficient": 0.3, "hidden_dim": 128},
        shape=(3, 64, 64),
        blocks=9,
    ),
    "poolformer": Exhibit(
        "PoolFormer", {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 2, 1]}, shape=(3, 64, 64), blocks=9
    ),
    "levit": Exhibit(
        "Levit",
        {
            "image_size": 128,
            "hidden_sizes": [16, 24, 32],
            "num_attention_heads": [2, 2, 2],
            "depths": [1, 1, 1],
            "key_dim": [8, 8, 8],
        },
        shape=(3, 128, 128),
        uncovered={"attention_biases": _BIAS},
        blocks=10,
    ),
    "cvt": Exhibit(
        "Cvt",
        {"embed_dim": [8, 16, 16], "num_heads": [1, 2, 2], "depth": [1, 2, 3]},
        shape=(3, 64, 64),
        uncovered={"cls_token": _CLASS},
        blocks=12,
    ),
    "mobilevit": Exhibit(
        "MobileViT",
        {
            "image_size": 128,
            "hidden_sizes": [16, 16, 24],
            "neck_hidden_sizes": [8, 8, 16, 16, 24, 24, 32],
            "num_attention_heads": 2,
        },
        shape=(3, 128, 128),
        blocks=8,
    ),
    "segformer": Exhibit(
        "Segformer",
        {"hidden_sizes": [8, 16, 16, 24], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 2, 2]},
        shape=(3, 64, 64),
        blocks=8,
    ),
    "bert": Exhibit(
        "Bert",
        {**_TEXT, **_WORDS},
        shape=(7,),
        vocabulary=50,
        uncovered={
            "word_embeddings.weight": _WORD,
            "position_embeddings.weight": _WORD,
            "token_type_embeddings.weight": _WORD,
        },
        blocks=2,
        task="SequenceClassification",
    ),
    "albert": Exhibit(
        "Albert",
        {**_TEXT, **_WORDS, "num_hidden_layers": 3, "embedding_size": 8},
        shape=(7,),
        vocabulary=50,
        uncovered={
            "word_embeddings.weight": _WORD,
            "position_embeddings.weight": _WORD,
            "token_type_embeddings.weight": _WORD,
        },
        blocks=3,
        task="SequenceClassification",
    ),
    "gpt2": Exhibit(
        "GPT2",
        {**_WORDS, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 16},
        shape=(7,),
        vocabulary=50,
        uncovered={"wte.weight": _WORD, "wpe.weight": _WORD},
        blocks=4,
        task="SequenceClassification",
    ),
    "wav2vec2": Exhibit(
        "Wav2Vec2",
        {
            **_TEXT,
            "conv_dim": (8, 8, 8),
            "conv_stride": (5, 2, 2),
            "conv_kernel": (10, 3, 3),
            "num_conv_pos_embeddings": 4,
            "num_conv_pos_embedding_groups": 2,
            "classifier_proj_size": 8,
            "mask_time_prob": 0.0,
            "layerdrop": 0.0,
        },
        shape=(400,),
        blocks=7,
        task="SequenceClassification",
    ),
}


def build(name: str, transformers: Any) -> nn.Module:
    """Build one network of the zoo.

    The initial weights of the package would leave tables at zero and let signals vanish in networks
    without batch normalisation, so every weight is drawn anew.
    """
    exhibit = ZOO[name]
    config = getattr(transformers, f"{exhibit.family}Config")(num_labels=CLASSES, **exhibit.options)
    network: nn.Module = getattr(transformers, f"{exhibit.family}For{exhibit.task}")(config)
    freeze = getattr(network, "freeze_feature_encoder", None)
    if freeze is not None:
        freeze()  # otherwise the network insists on inputs that are leaves without a gradient
    return drawn(network)


def drawn(network: nn.Module) -> nn.Module:
    """Draw all weights with two or more dimensions, and let normalisation normalise."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm):
            module.reset_parameters()
    for parameter in network.parameters():
        if parameter.dim() > 1:
            scale = max(1, parameter[0].numel()) ** -0.5
            parameter.data = 1.4 * scale * torch.randn(parameter.shape, generator=generator)
    return network


def batch(shape: tuple[int, ...], vocabulary: int = 0) -> tuple[Tensor, Tensor]:
    """Draw inputs and labels."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(CLASSES, (SAMPLES,), generator=generator)
    if vocabulary:
        return torch.randint(1, vocabulary, (SAMPLES, *shape), generator=generator), labels
    return torch.randn(SAMPLES, *shape, generator=generator), labels


@dataclass(frozen=True)
class Oddity:
    """A hand-written network; the attributes are those of `Exhibit`."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    blocks: int
    vocabulary: int = 0
    uncovered: Mapping[str, str] = field(default_factory=dict)


ODD = {
    "sound": Oddity(Sound, (2, 40), blocks=3),
    # the embedding's weight is covered: the classifier has it too
    "tied": Oddity(Tied, (6,), blocks=4, vocabulary=CLASSES),
    "odd": Oddity(Odd, (3, 8, 8), blocks=4, uncovered={"query": _CLASS}),
}
