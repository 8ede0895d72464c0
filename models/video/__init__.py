"""How a video, a batch of images or an array becomes the windows that a network is fed.

`container` opens videos, `decode` reads them, `frames` reads images, all with what `codec` has of
FFmpeg: only these import av, and `arrays` asks for `codec` when it has to scale. The other modules
are pure and import fast.
"""
