"""Devices, precision, memory, several devices or machines."""
