"""Labels, one file per source: what is alleged of an address, and what a model trains on."""
