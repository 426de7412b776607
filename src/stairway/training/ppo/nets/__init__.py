"""Two small nets of tanh layers, forward and backward, compiled."""
