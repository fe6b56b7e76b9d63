"""The words of the house: pure records and rules, standard library only, no I/O and no clock read."""
