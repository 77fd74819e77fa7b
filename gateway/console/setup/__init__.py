"""Screens that set a school up: channels and the addresses that providers call."""
