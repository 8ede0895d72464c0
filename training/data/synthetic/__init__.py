"""Synthetic drivers: an Anny body on a driver's seat performs the 34 activities of Drive&Act."""

from training.data.synthetic.config import SyntheticConfig
from training.data.synthetic.generate import generate
from training.data.synthetic.preview import write_preview

__all__ = ["SyntheticConfig", "generate", "write_preview"]
