"""What an event looks like, its values left out."""
