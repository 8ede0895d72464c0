"""How a model is made: data, teacher, distillation, quantization, evaluation, export."""
