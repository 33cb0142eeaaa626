"""A recorded street repainted: real outlines, motion and occlusion, made-up appearances."""

from mots_ros.data.replica.drive import ReplicaDrive

__all__ = ["ReplicaDrive"]
