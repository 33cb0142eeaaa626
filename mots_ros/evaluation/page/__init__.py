"""The report: evaluations as one HTML page."""

from mots_ros.evaluation.page.evaluations import read_evaluations
from mots_ros.evaluation.page.page import page

__all__ = ["page", "read_evaluations"]
