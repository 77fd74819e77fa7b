"""The other side of the wire: a bank and VNPAY that sign, retry and mangle like the real ones.

For demos and tests only. Everything here is written from the providers' protocol texts and imports
nothing of the service: a mistake of ours must not be confirmed by a copy of itself.
"""
