"""How a video, a batch of images or an array becomes the windows that a network is fed.

`decode` reads videos, `frames` images and arrays, both with what `codec` has of FFmpeg: only these
import av. The other modules are pure and import fast.
"""
