"""One file per hot path, peers beside it where there are any; `make bench` runs them all."""
