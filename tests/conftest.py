"""What every test runs under: checked annotations, one thread."""

import torch
from jaxtyping import install_import_hook

# Has to run before anything imports parzc; then every call is checked against its annotations and shapes.
install_import_hook("parzc", "beartype.beartype")

torch.set_num_threads(1)
