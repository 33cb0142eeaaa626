"""Multi-object tracking and segmentation for ROS 2."""
