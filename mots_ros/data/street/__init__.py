"""A made-up street filmed by a moving camera, with exact instance maps."""

from mots_ros.data.street.drive import StreetDrive

__all__ = ["StreetDrive"]
