"""How far two samples lie apart."""
