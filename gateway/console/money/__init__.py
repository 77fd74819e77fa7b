"""Screens about money that came or left: exceptions, debits, refunds, payouts of providers."""
