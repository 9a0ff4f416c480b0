"""Roaming networks speak OCPI 2.2.1: their cards come in (receiver), are fetched (pulling), and are asked about (passes.realtime)."""
