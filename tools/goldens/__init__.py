"""Tiny seeded checkpoints of the Nemotron-H family and the logits they must give."""
