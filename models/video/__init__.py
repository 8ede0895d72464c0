"""How a video, a batch of images or an array becomes the windows that a network is fed.

`decode` is the door and the only importer of av; the other modules are pure and import fast.
"""
