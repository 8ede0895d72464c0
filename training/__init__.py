"""How a model is made: data, teacher, distillation, quantization, evaluation, export."""

import logging

# Importing torchao warns of its extensions for other processors and of a torch it deprecates.
for _name in ("torchao", "torch.utils._pytree"):
    logging.getLogger(_name).setLevel(logging.ERROR)
