"""What a sealed model is made of: one file for each kind of body."""
