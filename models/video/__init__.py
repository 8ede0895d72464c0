"""How a video, a batch of images or an array becomes the windows that a network is fed.

`container` opens videos, `decode` reads them, `frames` reads images and arrays, all with what
`codec` has of FFmpeg: only these import av. The other modules are pure and import fast.
"""
