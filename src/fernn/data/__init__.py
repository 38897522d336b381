"""Digits and the sequences made from them."""
