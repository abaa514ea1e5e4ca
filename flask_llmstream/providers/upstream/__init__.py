"""A model's server of any kind: how its bodies and its errors are told apart."""
