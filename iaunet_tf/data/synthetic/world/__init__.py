"""A drawn world: people of the generator who walk through the views of several cameras, as videos with their truth.

There are places, some watched by two cameras from opposite sides, the others by one. A person is in one place at a
time, or on the way between two, where no camera sees; so whoever leaves comes back, to the same camera or to another.
Lengths are in metres unless given in pixels, times in seconds or in frames, which count from 0 here and from 1 in
files.
"""

from iaunet_tf.data.synthetic.world.drawing import LIMITS, World, WorldOptions, draw_world

__all__ = ["LIMITS", "World", "WorldOptions", "draw_world"]
