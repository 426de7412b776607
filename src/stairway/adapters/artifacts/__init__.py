"""Where sealed models are kept."""
