"""Multi-object tracking and segmentation for ROS 2."""

import os

# Torch's threads wait for each other by running in circles, for milliseconds, on cores that a busy
# robot needs: a frame then takes tens of times as long. So long costs nothing on a quiet machine.
# Read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
