"""The commands of `hocphi`, one file per subject. A command reads its options and calls a service."""
