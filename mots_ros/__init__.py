"""Multi-object tracking and segmentation for ROS 2."""

import os

# Torch's threads would wait for each other by running in circles, on cores that a busy robot needs:
# a frame then takes ten times as long. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
