"""What is trained on: videos, photographs and made scenes become batches, the same for a seed."""
