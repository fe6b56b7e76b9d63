"""The rooms: one package for each store. None imports another."""
