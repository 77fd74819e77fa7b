"""Typed reasons why a person must look: the only code that writes the table `exception`."""
