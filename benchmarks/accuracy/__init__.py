"""How well detectors learn: tables and plots of docs/."""
