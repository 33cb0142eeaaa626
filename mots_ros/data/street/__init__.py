"""A made-up street filmed by a moving camera, with exact instance maps."""
